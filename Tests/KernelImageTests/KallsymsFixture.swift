/// Writes kallsyms tables as scripts/kallsyms.c lays them out, to read them back.
struct KallsymsFixture {
    enum Layout: CaseIterable {
        case before6_4
        case before6_4WithSequence
        case since6_4
        case absolute
    }

    var symbols: [(name: String, kind: Character, address: UInt64)] = []
    var layout = Layout.before6_4
    /// Bytes before and behind the tables.
    var filler: [UInt8] = Array(repeating: 0, count: 64)

    /// Tokens: each byte stands for itself, but byte 1 for `sys_`.
    func bytes() -> [UInt8] {
        var tokens: [UInt8] = []
        var index: [UInt8] = []
        for code in 0..<256 {
            index += little(UInt64(tokens.count), 2)
            tokens += code == 1 ? Array("sys_".utf8) : (0x21...0x7e).contains(code) ? [UInt8(code)] : [0x3f]
            tokens.append(0)
        }
        let tokenPart = padded(tokens) + padded(index)
        let (names, markers) = namesAndMarkers()
        let count = padded(little(UInt64(symbols.count), 4))
        let sequence = padded([UInt8](repeating: 0, count: 3 * symbols.count))
        let base = symbols.map(\.address).first { $0 >= kernelHalf } ?? 0
        let offsets = padded(
            symbols.flatMap { little($0.address < kernelHalf ? $0.address : base &- 1 &- $0.address, 4) })
        let nameParts = count + padded(names) + padded(markers)
        let tables =
            switch layout {
            case .before6_4: offsets + little(base, 8) + nameParts + tokenPart
            case .before6_4WithSequence: offsets + little(base, 8) + nameParts + sequence + tokenPart
            case .since6_4: nameParts + tokenPart + offsets + little(base, 8) + sequence
            case .absolute: symbols.flatMap { little($0.address, 8) } + nameParts + tokenPart
            }
        return filler + tables + filler
    }

    private func namesAndMarkers() -> ([UInt8], [UInt8]) {
        var (names, markers): ([UInt8], [UInt8]) = ([], [])
        for (position, symbol) in symbols.enumerated() {
            if position % 256 == 0 { markers += little(UInt64(names.count), 4) }
            var codes = [symbol.kind.asciiValue ?? 0x3f]
            codes += symbol.name.hasPrefix("sys_") ? [1] + symbol.name.dropFirst(4).utf8 : Array(symbol.name.utf8)
            names +=
                codes.count < 128
                ? [UInt8(codes.count)] : [UInt8(codes.count & 0x7f | 0x80), UInt8(codes.count >> 7)]
            names += codes
        }
        return (names, markers)
    }

    private func little(_ value: UInt64, _ count: Int) -> [UInt8] {
        (0..<count).map { UInt8(truncatingIfNeeded: value >> UInt64(8 * $0)) }
    }

    private func padded(_ bytes: [UInt8]) -> [UInt8] {
        bytes + [UInt8](repeating: 0, count: (8 - bytes.count % 8) % 8)
    }
}

/// Addresses from here on are the kernel's.
private let kernelHalf: UInt64 = 0xffff_0000_0000_0000
