import ELF
import Glibc
import Linux
public import LivePatch
public import ProcessPatcher

/// Makes a live patch of one compiled object for the tests of this room, which need patches but not the builder:
/// it takes the named functions as they are, with all that they refer to.
public struct MiniBuilder {
    /// Names this run in the digests of patches, which differ from those of other runs so.
    private static let run = "\(getpid())-\(UInt64.random(in: 0 ... .max))"

    private let binary: ELFFile
    private let object: ELFFile
    private let binarySymbols: [Symbol]
    private let objectSymbols: [Symbol]
    private var loaded = PatchObject()
    private var sections: [Int: Int] = [:]
    private var symbols: [Int: Int] = [:]
    private var externals: [ExternalSymbol] = []
    private var replaced: Set<String> = []

    /// Reads both; a stripped binary's exported functions can be replaced.
    public init(binary: String, object: String) throws {
        self.binary = try ELFFile(ByteStorage(reading: binary))
        self.object = try ELFFile(ByteStorage(reading: object))
        let all = try self.binary.symbols()
        binarySymbols = try all.isEmpty ? self.binary.symbols(.dynsym) : all
        objectSymbols = try self.object.symbols()
    }

    /// The target's table entry and sections for some functions.
    public mutating func target(
        _ name: String, replacing functions: [String], threadStorage: ThreadStorage? = nil
    ) throws -> (PatchTarget, PatchObject) {
        replaced = Set(functions)
        for function in functions {
            let symbol = try require(
                objectSymbols.first { $0.name == function && $0.sectionIndex != nil }, function)
            _ = try load(section: try require(symbol.sectionIndex, function))
        }
        try loadUnwindTables()
        var entries: [ReplacedFunction] = []
        for function in functions { entries.append(try entry(function)) }
        let target = PatchTarget(
            name: name, buildID: try require(binary.buildID(), "build-id"), type: binary.type,
            sections: Array(loaded.sections.indices), functions: entries, externals: externals,
            threadStorage: threadStorage)
        return (target, loaded)
    }

    /// A whole patch with one target.
    public static func patch(
        _ name: String, binary: String, object: String, replacing functions: [String], changes: [String]? = nil,
        threadStorage: ThreadStorage? = nil
    ) throws -> PatchInput {
        var builder = try MiniBuilder(binary: binary, object: object)
        let file = binary.split(separator: "/").last.map(String.init) ?? binary
        let (target, loaded) = try builder.target(file, replacing: functions, threadStorage: threadStorage)
        return try input(name, [target], loaded, changes: changes ?? [name])
    }

    /// A patch of parts made before.
    public static func input(
        _ name: String, _ targets: [PatchTarget], _ object: PatchObject, changes: [String]
    ) throws -> PatchInput {
        let patch = LivePatch(
            name: name, machine: .x86_64, changes: changes.map { Digest(of: Array($0.utf8)) }, targets: targets,
            object: object)
        try patch.validate()
        return PatchInput(patch, digest: Digest(of: Array("file of \(name) \(Self.run)".utf8)))
    }

    // MARK: Functions

    private func entry(_ name: String) throws -> ReplacedFunction {
        let old = try require(binarySymbols.first { $0.name == name && $0.type == .function }, name)
        let index = try require(
            objectSymbols.first { $0.name == name && $0.sectionIndex != nil }.flatMap { symbols[$0.index] }, name)
        let original = try binary.contents(atAddress: old.value, count: old.size).bytes
        let skip = original.starts(with: [0xf3, 0x0f, 0x1e, 0xfa]) ? 4 : 0
        let padded = try padding(after: old, original, skip + 5)
        return ReplacedFunction(
            name: name, address: old.value, size: old.size, entrySkip: skip, original: padded, replacement: index)
    }

    /// A short function's bytes with the padding behind it.
    private func padding(after symbol: Symbol, _ original: [UInt8], _ need: Int) throws -> [UInt8] {
        if original.count >= need { return original }
        let next =
            binarySymbols.filter { $0.value > symbol.value && $0.sectionIndex == symbol.sectionIndex }
            .map(\.value).min() ?? symbol.value + 16
        let room = min(next - symbol.value, 16)
        return try binary.contents(atAddress: symbol.value, count: room).bytes
    }

    // MARK: Sections

    private mutating func load(section index: Int) throws -> Int {
        if let known = sections[index] { return known }
        let section = try object.section(index)
        let number = loaded.sections.count
        sections[index] = number
        let contents = section.type == .nobits ? [] : try object.rawContents(of: section).bytes
        loaded.sections.append(
            PatchObject.Section(
                name: section.name, flags: section.flags.intersection([.alloc, .write, .execinstr]),
                alignment: max(section.alignment, 1), contents: contents, size: section.size))
        for symbol in objectSymbols where symbol.sectionIndex == index { _ = try load(symbol: symbol.index) }
        var relocations: [Relocation] = []
        for relocation in try object.relocations(of: section) {
            let symbol = try load(symbol: relocation.symbol)
            relocations.append(
                Relocation(
                    offset: relocation.offset, type: relocation.type, symbol: symbol, addend: relocation.addend))
        }
        loaded.sections[number].relocations = relocations
        return number
    }

    private mutating func load(symbol index: Int) throws -> Int {
        if let known = symbols[index] { return known }
        let symbol = objectSymbols[index]
        let number = loaded.symbols.count
        symbols[index] = number
        let name = symbol.name.isEmpty ? "section" : symbol.name
        loaded.symbols.append(
            PatchObject.Symbol(name: name, section: nil, type: symbol.type, binding: symbol.binding))
        if symbol.name == "_GLOBAL_OFFSET_TABLE_" {
            externals.append(ExternalSymbol(symbol: number, source: .target(address: 0)))
        } else if let section = symbol.sectionIndex, !belongsToBinary(symbol) {
            let placed = try load(section: section)
            loaded.symbols[number].section = placed
            loaded.symbols[number].value = symbol.value
            loaded.symbols[number].size = symbol.size
        } else {
            externals.append(ExternalSymbol(symbol: number, source: try source(symbol)))
        }
        return number
    }

    /// Functions that aren't replaced, and variables, stay the binary's.
    private func belongsToBinary(_ symbol: Symbol) -> Bool {
        guard !symbol.name.isEmpty, [.function, .object, .tls].contains(symbol.type),
            !replaced.contains(symbol.name)
        else { return false }
        return binarySymbols.contains { $0.name == symbol.name && !$0.isUndefined }
    }

    private func source(_ symbol: Symbol) throws -> ExternalSymbol.Source {
        if let own = binarySymbols.first(where: { $0.name == symbol.name && !$0.isUndefined }) {
            if own.type == .tls { return .threadLocal(offset: own.value) }
            if own.type != .gnuIFunc { return .target(address: own.value) }
        }
        return .lookup(name: symbol.name, version: nil, weak: symbol.binding == .weak)
    }

    // MARK: Unwind tables

    /// Takes the descriptions of the loaded functions, and the common parts that they need.
    private mutating func loadUnwindTables() throws {
        guard let section = object.section(named: ".eh_frame") else { return }
        let bytes = try object.rawContents(of: section)
        let relocations = try object.relocations(of: section)
        var output: [UInt8] = []
        var kept: [Relocation] = []
        var commons: [Int: Int] = [:]
        var at = 0
        while at + 4 <= bytes.count {
            let length = Int(try bytes.load(at, as: UInt32.self))
            if length == 0 { break }
            let pointer = Int(try bytes.load(at + 4, as: UInt32.self))
            let inside = relocations.filter { $0.offset >= UInt64(at) && $0.offset < UInt64(at + 4 + length) }
            let record = Array(bytes.bytes[at..<at + 4 + length])
            let start = output.count
            if pointer == 0 {
                commons[at] = start
                output += record
            } else if let first = inside.first, let code = objectSymbols[first.symbol].sectionIndex,
                sections[code] != nil
            {
                output += record
                let common = try require(commons[at + 4 - pointer], "CIE")
                let distance = UInt32(start + 4 - common)
                for index in 0..<4 {
                    output[start + 4 + index] = UInt8(truncatingIfNeeded: distance >> UInt32(index * 8))
                }
            } else {
                at += 4 + length
                continue
            }
            for relocation in inside {
                kept.append(
                    Relocation(
                        offset: relocation.offset - UInt64(at) + UInt64(start), type: relocation.type,
                        symbol: try load(symbol: relocation.symbol), addend: relocation.addend))
            }
            at += 4 + length
        }
        guard !output.isEmpty else { return }
        loaded.sections.append(
            PatchObject.Section(
                name: ".eh_frame", flags: [.alloc], alignment: 8, contents: output, relocations: kept))
    }

    private func require<T>(_ value: T?, _ what: String) throws -> T {
        guard let value else { throw MissingPart(what: what) }
        return value
    }
}

/// Something that a test's patch needs isn't in its object or binary.
public struct MissingPart: Error {
    let what: String

    /// Names it.
    public init(what: String) { self.what = what }
}
