// The kernel's own symbol table, found in an image that has no other.
//
// A shipped kernel has no `.symtab`, but with CONFIG_KALLSYMS it carries the names and addresses of all its
// symbols in read-only data, written by scripts/kallsyms.c. Nothing points there from outside, so the tables
// are recognised by their own structure. Names are stored as strings of tokens; 256 tokens, one for each byte
// value, expand to the parts of names. The order of the arrays depends on the version (each starts at a
// multiple of 8):
//
//     before 6.4    offsets │ base │ count │ names │ markers │ [sequence] │ tokens │ token index
//     since 6.4     count │ names │ markers │ tokens │ token index │ offsets │ base │ sequence
//
// [sequence], 3 bytes a symbol, is in kernels before 6.4 only where it was backported. The way in:
//
// 1. Tokens. The digits always are tokens of their own, so "0\0" ... "9\0" is somewhere in the table. For each
//    such place P, and each multiple of 4 behind it, test whether 256 rising 16-bit numbers start there, the
//    first 0, of which number 48 (the digit 0) leads to P, and all point behind a zero byte. Walking back over
//    strings instead would not tell where the table starts: the sequence before it may end without a gap.
// 2. Count and names. Walking back from the tokens by 8 bytes, take each number as the count, step over that
//    many names behind it, and accept it if the markers (the place of each 256th name) follow and the tokens
//    follow the markers, with or without the sequence between.
// 3. Addresses, in the one place where the layout puts them; they have to rise.
//
// A name is a length byte (or two: 7 low bits with the top bit set, then the higher ones), then tokens. The
// first character of the expanded name is the symbol's kind as in nm(1).

import ELF

/// Finds and reads the kallsyms tables in read-only data.
package struct KallsymsReader {
    private let data: [UInt8]

    /// Takes the bytes of the section that holds the tables; they must start at a multiple of 8 in memory.
    package init(_ data: [UInt8]) { self.data = data }

    /// Reads the table.
    /// - Throws: ``KernelImageError`` saying which of the steps failed.
    package func table() throws(KernelImageError) -> KernelSymbolTable {
        guard let tokens = findTokens() else { throw Self.failure("no token table") }
        guard let names = findNames(tokens) else { throw Self.failure("no table of names") }
        guard let addresses = addresses(tokens, names) else { throw Self.failure("no addresses that rise") }
        var builder = KernelSymbolTable.Builder(expected: names.count)
        var at = names.start
        var name: [UInt8] = []
        for index in 0..<names.count {
            guard let (first, end) = nameExtent(at) else { throw Self.failure("name \(index)") }
            name.removeAll(keepingCapacity: true)
            for code in data[first..<end] { name += tokens.texts[Int(code)] }
            guard let kind = name.first else { throw Self.failure("name \(index) is empty") }
            builder.add(name: name[1...], address: addresses[index], kind: kind)
            at = end
        }
        return builder.table()
    }

    private static func failure(_ what: String) -> KernelImageError { KernelImageError(.symbols(what)) }
}

// Step 1.
extension KallsymsReader {
    struct Tokens {
        let start: Int
        /// Where the index of 256 numbers ends.
        let end: Int
        let texts: [[UInt8]]
    }

    private func findTokens() -> Tokens? {
        let digits: [UInt8] = (0..<20).map { $0 % 2 == 0 ? 0x30 + UInt8($0 / 2) : 0 }
        var from = 0
        while let place = data.firstRange(of: digits, from: from) {
            if let found = tokens(aroundDigits: place) { return found }
            from = place + 1
        }
        return nil
    }

    private func tokens(aroundDigits place: Int) -> Tokens? {
        let farthest = min(place + 0x4000, data.count - 512)
        var at = (place + 3) / 4 * 4
        while at <= farthest {
            if number16(at) == 0, let found = tokens(index: at, digits: place) { return found }
            at += 4
        }
        return nil
    }

    private func tokens(index: Int, digits: Int) -> Tokens? {
        let offsets = (0..<256).map { Int(number16(index + 2 * $0)) }
        guard zip(offsets, offsets.dropFirst()).allSatisfy({ $0 < $1 }) else { return nil }
        let start = digits - offsets[0x30]
        guard start >= 0, start + offsets[255] < index,
            offsets.dropFirst().allSatisfy({ data[start + $0 - 1] == 0 })
        else { return nil }
        let texts = offsets.map { offset in Array(data[(start + offset)..<index].prefix { $0 != 0 }) }
        return Tokens(start: start, end: index + 512, texts: texts)
    }
}

// Step 2.
extension KallsymsReader {
    struct Names {
        let count: Int
        /// Where the count itself is.
        let countAt: Int
        let start: Int
    }

    private func findNames(_ tokens: Tokens) -> Names? {
        var at = tokens.start / 8 * 8 - 8
        // Data made to look right at many places must not keep us here.
        var steps = max(data.count, 1 << 20)
        while at >= 0, steps > 0 {
            defer { at -= 8 }
            let count = Int(number32(at))
            guard count >= 2, number32(at + 4) == 0, count <= (tokens.start - at) / 2 else { continue }
            if isNames(count, at + 8, tokens, &steps) {
                return Names(count: count, countAt: at, start: at + 8)
            }
        }
        return nil
    }

    private func isNames(_ count: Int, _ start: Int, _ tokens: Tokens, _ steps: inout Int) -> Bool {
        var at = start
        var markers: [UInt32] = []
        for index in 0..<count {
            steps -= 1
            if index % 256 == 0 { markers.append(UInt32(truncatingIfNeeded: at - start)) }
            guard let (_, end) = nameExtent(at), end <= tokens.start else { return false }
            at = end
        }
        at = at.roundedUp8
        for marker in markers {
            guard at + 4 <= tokens.start, number32(at) == marker else { return false }
            at += 4
        }
        let sequenceEnd = (at.roundedUp8 + 3 * count).roundedUp8
        return at.roundedUp8 == tokens.start || sequenceEnd == tokens.start
    }

    /// The tokens of the name at an offset, end excluded.
    private func nameExtent(_ at: Int) -> (first: Int, end: Int)? {
        guard at < data.count else { return nil }
        var (length, first) = (Int(data[at]), at + 1)
        if length & 0x80 != 0 {
            guard first < data.count else { return nil }
            length = length & 0x7f | Int(data[first]) << 7
            first += 1
        }
        guard length > 0, length <= data.count - first else { return nil }
        return (first, first + length)
    }
}

// Step 3.
extension KallsymsReader {
    private func addresses(_ tokens: Tokens, _ names: Names) -> [UInt64]? {
        let size = (4 * names.count).roundedUp8
        if let old = addresses(offsets: names.countAt - 8 - size, base: names.countAt - 8, names.count) {
            return old
        }
        let start = tokens.end.roundedUp8
        if let new = addresses(offsets: start, base: start + size, names.count) { return new }
        return absolute(names.countAt - 8 * names.count, names.count) ?? absolute(start, names.count)
    }

    /// Offsets of 32 bits from a base.
    ///
    /// On x86 of before 6.15, those from 0 up are absolute (variables per processor) and those below count
    /// backwards from the base; elsewhere, all count up from the base.
    private func addresses(offsets: Int, base: Int, _ count: Int) -> [UInt64]? {
        guard offsets >= 0, base + 8 <= data.count else { return nil }
        let start = UInt64(number32(base)) | UInt64(number32(base + 4)) << 32
        guard start >= 0xffff_0000_0000_0000 else { return nil }
        let values = (0..<count).map { Int64(Int32(bitPattern: number32(offsets + 4 * $0))) }
        let signed = values.map { $0 >= 0 ? UInt64($0) : start &- 1 &- UInt64(bitPattern: $0) }
        if values.contains(where: { $0 < 0 }), signed.rises { return signed }
        let unsigned = values.map { start &+ UInt64(UInt32(truncatingIfNeeded: $0)) }
        return unsigned.rises ? unsigned : nil
    }

    /// Addresses of 64 bits, of kernels without CONFIG_KALLSYMS_BASE_RELATIVE.
    private func absolute(_ at: Int, _ count: Int) -> [UInt64]? {
        guard at >= 0, count <= (data.count - at) / 8 else { return nil }
        let all = (0..<count).map {
            UInt64(number32(at + 8 * $0)) | UInt64(number32(at + 8 * $0 + 4)) << 32
        }
        guard let last = all.last, last >= 0xffff_0000_0000_0000, all.rises else { return nil }
        return all
    }
}

extension KallsymsReader {
    private func number16(_ at: Int) -> UInt16 {
        guard at >= 0, at + 2 <= data.count else { return .max }
        return UInt16(data[at]) | UInt16(data[at + 1]) << 8
    }

    private func number32(_ at: Int) -> UInt32 {
        guard at >= 0, at + 4 <= data.count else { return .max }
        return UInt32(data[at]) | UInt32(data[at + 1]) << 8 | UInt32(data[at + 2]) << 16
            | UInt32(data[at + 3]) << 24
    }
}

extension Int {
    fileprivate var roundedUp8: Int { (self + 7) / 8 * 8 }
}

extension [UInt64] {
    fileprivate var rises: Bool { zip(self, dropFirst()).allSatisfy { $0 <= $1 } }
}

extension [UInt8] {
    /// Where a sequence of at least three bytes first occurs.
    fileprivate func firstRange(of wanted: [UInt8], from start: Int) -> Int? {
        guard let first = wanted.first, start >= 0, wanted.count <= count else { return nil }
        let last = count - wanted.count
        var at = start
        while at <= last {
            if self[at] == first, self[at + 2] == wanted[2], self[at..<(at + wanted.count)].elementsEqual(wanted) {
                return at
            }
            at += 1
        }
        return nil
    }
}
