import ELF
import Foundation
import TestSupport
import Testing

/// Line by line, the reader says the same as readelf and objdump.
@Suite("ELF reader against binutils")
struct ReaderParityTests {
    @Test(arguments: PeerFile.allCases)
    func `sections are those of readelf`(which: PeerFile) throws {
        let peer = try which.open()
        let theirs = try peer.run("readelf", "-SW").split(separator: "\n").compactMap { line -> String? in
            guard let open = line.firstIndex(of: "["), let close = line.firstIndex(of: "]"),
                let index = Int(line[line.index(after: open)..<close].filter { $0 != " " }), index > 0
            else { return nil }
            let words = line[line.index(after: close)...].split(separator: " ")
            let numbers = words[2..<6].compactMap { number($0)?.hex } + words.suffix(3).map(String.init)
            return "\(index) \(words[0]) \(numbers.joined(separator: " "))"
        }
        let file = try peer.file()
        let ours = file.sections.dropFirst().map {
            "\($0.index) \($0.name) \($0.address.hex) \($0.offset.hex) \($0.size.hex) \($0.entrySize.hex) "
                + "\($0.link) \($0.info) \($0.alignment)"
        }
        #expect(difference(ours, theirs) == nil)
        #expect(!ours.isEmpty)
    }

    @Test(arguments: PeerFile.allCases, [SectionType.symtab, .dynsym])
    func `symbols are those of readelf`(which: PeerFile, type: SectionType) throws {
        let peer = try which.open()
        let file = try peer.file()
        guard let table = file.sections.first(where: { $0.type == type }) else { return }
        var isInTable = false
        let text = try peer.run("readelf", "-sW").replacing("<OS specific>: 10", with: "IFUNC")
        let theirs = text.split(separator: "\n").compactMap { line -> String? in
            let words = line.split(separator: " ")
            if words.first == "Symbol" { isInTable = words[2] == "'\(table.name)'" }
            guard isInTable, words.count >= 7, words[0].last == ":", let value = number(words[1]),
                let size = number(words[2], decimal: true)
            else { return nil }
            let place = words.drop { $0.hasPrefix("[") || $0.hasSuffix("]") }
            let name = place.count > 7 ? place[7] : ""
            return
                "\(words[0].dropLast()) \(value.hex) \(size) \(words[3]) \(words[4]) \(words[5]) \(words[6]) \(name)"
        }
        let ours = try rows(file, table)
        #expect(difference(ours, theirs) == nil)
        #expect(ours.count == Int(table.size / 24))
    }

    private func rows(_ file: ELFFile, _ table: Section) throws -> [String] {
        let dynamic = table.type == .dynsym ? try file.dynamicSymbols() : nil
        return try file.symbols(in: table).map { symbol in
            let place =
                switch symbol.place {
                case .undefined: "UND"
                case .absolute: "ABS"
                case .common: "COM"
                case .section(let index): "\(index)"
                case .reserved(let number): number.hex
                }
            var name = symbol.name
            if symbol.type == .section, name.isEmpty { name = try file.section(symbol.sectionIndex ?? -1).name }
            // readelf leaves the version off the symbols that stand for the versions themselves.
            if let dynamic, symbol.place != .absolute { name = try dynamic.symbol(symbol.index).fullName }
            return "\(symbol.index) \(symbol.value.hex) \(symbol.size) \(typeNames[symbol.type] ?? "?") "
                + "\(bindingNames[symbol.binding] ?? "?") \(visibilityNames[symbol.visibility] ?? "?") \(place) \(name)"
        }
    }

    private let typeNames: [SymbolType: String] = [
        .notype: "NOTYPE", .object: "OBJECT", .function: "FUNC", .section: "SECTION", .file: "FILE",
        .common: "COMMON", .tls: "TLS", .gnuIFunc: "IFUNC",
    ]
    private let bindingNames: [SymbolBinding: String] = [
        .local: "LOCAL", .global: "GLOBAL", .weak: "WEAK", .gnuUnique: "UNIQUE",
    ]
    private let visibilityNames: [SymbolVisibility: String] = [
        .default: "DEFAULT", .internal: "INTERNAL", .hidden: "HIDDEN", .protected: "PROTECTED",
    ]

    @Test(arguments: PeerFile.allCases)
    func `relocations are those of readelf`(which: PeerFile) throws {
        let peer = try which.open()
        let file = try peer.file()
        let theirs = try peer.words("readelf", "-rW").compactMap { words -> String? in
            guard words.count >= 4, words[0].count == 16, words[1].count == 16, words[2].hasPrefix("R_X86_64"),
                let offset = number(words[0]), let info = number(words[1]),
                let addend = number(words[words.count - 1])
            else { return nil }
            let sign = words[words.count - 2] == "-" ? "-" : ""
            return "\(offset.hex) \(info.hex) \(sign)\(addend.hex)"
        }
        var ours: [String] = []
        for section in file.sections where section.type == .rela {
            for relocation in try file.relocations(in: section) {
                let info = UInt64(relocation.symbol) << 32 | UInt64(relocation.type)
                // readelf prints an addend without symbol as an unsigned number.
                let addend =
                    relocation.symbol == 0 ? UInt64(bitPattern: relocation.addend).hex : relocation.addend.hex
                ours.append("\(relocation.offset.hex) \(info.hex) \(addend)")
            }
        }
        #expect(difference(ours, theirs) == nil)
    }

    @Test(arguments: PeerFile.allCases)
    func `the dynamic section is that of readelf`(which: PeerFile) throws {
        let peer = try which.open()
        let file = try peer.file()
        var (tags, texts): ([UInt64], [String]) = ([], [])
        for words in try peer.words("readelf", "-dW") where words.first?.hasPrefix("0x") == true {
            if let tag = number(words[0]), tag != 0 { tags.append(tag) }
            if ["(NEEDED)", "(SONAME)"].contains(words[1]) { texts.append(words.last.map(String.init) ?? "") }
        }
        let dynamic = try file.dynamicSection()
        #expect(dynamic?.entries.map(\.tag.rawValue) ?? [] == tags)
        let names = (dynamic?.needed ?? []) + [dynamic?.soname].compactMap { $0 }
        #expect(names.map { "[\($0)]" } == texts)
    }

    @Test(arguments: PeerFile.allCases)
    func `the build-id is that of readelf`(which: PeerFile) throws {
        let peer = try which.open()
        let line = try peer.words("readelf", "-n").first { $0.starts(with: ["Build", "ID:"]) }
        #expect(try peer.file().buildID()?.description == line?.last.map(String.init))
    }

    @Test(arguments: [PeerFile.ls, .libc, .executable, .pie, .shared])
    func `stubs are those that objdump names`(which: PeerFile) throws { try compareStubs(which.open()) }

    @Test(arguments: ["bfd", "gold", "lld"], [["-z", "lazy"], ["-z", "now"], ["-z", "ibtplt"]])
    func `stubs of each linker are those that objdump names`(linker: String, flags: [String]) throws {
        // lld isn't in binutils and ibtplt is GNU ld's own.
        let isInstalled = ["/usr/bin", "/opt/swift/usr/bin"].contains {
            FileManager.default.isExecutableFile(atPath: $0 + "/ld." + linker)
        }
        guard isInstalled, flags[1] != "ibtplt" || linker == "bfd" else { return }
        let options = ["-O1", "-fcf-protection=full", "-fuse-ld=" + linker, "-Wl," + flags.joined(separator: ",")]
        let path = linker == "lld" ? ["-B/opt/swift/usr/bin"] : []
        try compareStubs(Peer(ELFFixture.compiled(options + path)))
    }

    private func compareStubs(_ peer: Peer) throws {
        var names: [UInt64: String] = [:]
        for entry in try peer.file().pltEntries() {
            switch entry.target {
            case .symbol(let found): names[entry.address] = found.symbol.name
            case .resolver(let address): names[entry.address] = "*ABS*+0x\(address.hex)"
            }
        }
        var seen = 0
        // A shell filters, because the listing of a library has a million lines.
        for line in try peer.run("sh", "-c", "objdump -d \"$0\" | grep '@plt>:'").split(separator: "\n") {
            let words = line.split(separator: " ")
            guard words.count == 2, let address = number(words[0]) else { continue }
            seen += 1
            #expect(names[address] == String(words[1].dropFirst().prefix { $0 != "@" }))
        }
        #expect(seen > 2)
    }

    @Test(arguments: [PeerFile.ls, .pie, .staticProgram, .libc])
    func `frame descriptions start where the section starts`(which: PeerFile) throws {
        let file = try which.open().file()
        let tables = try #require(try file.unwindTablesOrSection())
        #expect(tables.frames == file.section(named: ".eh_frame")?.address)
        #expect(tables.index?.lowerBound == file.section(named: ".eh_frame_hdr")?.address)
    }
}
