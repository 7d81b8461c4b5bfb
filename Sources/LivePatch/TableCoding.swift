import ELF

/// The table of targets as bytes: section `.tsugite.targets` of a patch file.
///
/// Little-endian; lists and texts stand behind 32-bit counts. The layout is described field by field in
/// docs/formats/tsp.md; a change of it raises ``version``.
enum TableCoding {
    /// The newest version of the layout.
    static let version: UInt32 = 3

    /// The oldest version that can say what a patch holds: whoever can read that, can.
    private static func version(for patch: LivePatch) -> UInt32 {
        if !patch.targets.allSatisfy(\.hooks.isEmpty) { return 3 }
        return patch.targets.allSatisfy(\.dataWrites.isEmpty) ? 1 : 2
    }

    static let magic: [UInt8] = Array("TSUGITE".utf8) + [0]

    static func encode(_ patch: LivePatch, symbolIndex: (Int) -> Int, sectionIndex: (Int) -> Int) -> [UInt8] {
        var out = ByteWriter()
        let version = version(for: patch)
        out.write(magic)
        out.write(version)
        out.write(patch.name)
        out.write(list: patch.changes) { $0.write($1.bytes) }
        out.write(list: patch.targets) { out, target in
            out.write(target.name)
            out.write(target.buildID.bytes)
            out.write(target.type.rawValue)
            out.write(list: target.sections) { $0.write(UInt32(sectionIndex($1))) }
            out.write(list: target.functions) { encode($1, &$0, symbolIndex) }
            out.write(list: target.externals) { out, external in
                out.write(UInt32(symbolIndex(external.symbol)))
                encode(external.source, &out)
            }
            encode(target.threadStorage, &out)
            guard version >= 2 else { return }
            out.write(list: target.dataWrites) { out, data in
                out.write(data.name)
                out.write(data.address)
                out.write(data.original)
                out.write(data.replacement)
            }
            guard version >= 3 else { return }
            out.write(list: target.hooks) { out, hook in
                out.write(hook.kind.rawValue)
                out.write(hook.name)
                out.write(UInt32(symbolIndex(hook.symbol)))
            }
        }
        return out.bytes
    }

    private static func encode(_ function: ReplacedFunction, _ out: inout ByteWriter, _ symbolIndex: (Int) -> Int) {
        out.write(function.name)
        out.write(function.address)
        out.write(function.size)
        out.write(UInt8(truncatingIfNeeded: function.entrySkip))
        out.write(function.original)
        out.write(UInt32(symbolIndex(function.replacement)))
        out.write(list: function.parts) { out, part in
            out.write(part.address)
            out.write(part.original)
        }
    }

    private static func encode(_ source: ExternalSymbol.Source, _ out: inout ByteWriter) {
        switch source {
        case .target(let address):
            out.write(UInt8(0))
            out.write(address)
        case .slot(let address):
            out.write(UInt8(1))
            out.write(address)
        case .lookup(let name, let version, let weak):
            out.write(UInt8(2))
            out.write(name)
            out.write(version ?? "")
            out.write(UInt8(weak ? 1 : 0))
        case .threadLocal(let offset):
            out.write(UInt8(3))
            out.write(offset)
        }
    }

    private static func encode(_ storage: ThreadStorage?, _ out: inout ByteWriter) {
        switch storage {
        case nil: out.write(UInt8(0))
        case .executable(let blockSize):
            out.write(UInt8(1))
            out.write(blockSize)
        case .slots(let module, let offset, let variable):
            out.write(UInt8(2))
            out.write(module ?? .max)
            out.write(offset ?? .max)
            out.write(variable)
        }
    }
}

extension TableCoding {
    /// The head and the targets, with section and symbol indices still those of the file.
    static func decode(_ bytes: [UInt8]) throws(PatchFileError) -> (
        name: String, changes: [Digest], targets: [PatchTarget]
    ) {
        var input = ByteReader(bytes)
        guard try input.readBytes("magic") == magic else {
            throw PatchFileError(.malformed, "table's magic number")
        }
        let found: UInt32 = try input.read("version")
        guard (1...version).contains(found) else { throw PatchFileError(.version(found), "version of the table") }
        let name = try input.readString("name")
        let changes = try input.readList("changes") { (input) throws(PatchFileError) in
            guard let digest = Digest(bytes: try input.readBytes("change")) else {
                throw PatchFileError(.malformed, "a change's digest isn't 32 bytes")
            }
            return digest
        }
        let targets = try input.readList("targets") { (input) throws(PatchFileError) in
            try target(&input, version: found)
        }
        guard input.isAtEnd else { throw PatchFileError(.malformed, "bytes behind the table") }
        return (name, changes, targets)
    }

    private static func target(
        _ input: inout ByteReader, version: UInt32
    ) throws(PatchFileError) -> PatchTarget {
        PatchTarget(
            name: try input.readString("target's name"),
            buildID: BuildID(try input.readBytes("build-id")),
            type: FileType(rawValue: try input.read("target's type")),
            sections: try input.readList("target's sections") { (input) throws(PatchFileError) in
                Int(try input.read("section", as: UInt32.self))
            },
            functions: try input.readList("functions") { (input) throws(PatchFileError) in try function(&input) },
            externals: try input.readList("externals") { (input) throws(PatchFileError) in
                ExternalSymbol(
                    symbol: Int(try input.read("external's symbol", as: UInt32.self)), source: try source(&input))
            },
            threadStorage: try threadStorage(&input),
            dataWrites: version < 2
                ? [] : try input.readList("data") { (input) throws(PatchFileError) in try dataWrite(&input) },
            hooks: version < 3
                ? [] : try input.readList("hooks") { (input) throws(PatchFileError) in try hook(&input) })
    }

    private static func hook(_ input: inout ByteReader) throws(PatchFileError) -> PatchHook {
        let raw: UInt8 = try input.read("kind of hook")
        guard let kind = PatchHook.Kind(rawValue: raw) else {
            throw PatchFileError(.malformed, "unknown kind \(raw) of hook")
        }
        return PatchHook(
            kind: kind, name: try input.readString("hook's name"),
            symbol: Int(try input.read("hook's symbol", as: UInt32.self)))
    }

    private static func dataWrite(_ input: inout ByteReader) throws(PatchFileError) -> DataWrite {
        DataWrite(
            name: try input.readString("data's name"), address: try input.read("data's address"),
            original: try input.readBytes("data's bytes"), replacement: try input.readBytes("data's new bytes"))
    }

    private static func function(_ input: inout ByteReader) throws(PatchFileError) -> ReplacedFunction {
        ReplacedFunction(
            name: try input.readString("function's name"), address: try input.read("function's address"),
            size: try input.read("function's size"), entrySkip: Int(try input.read("entry skip", as: UInt8.self)),
            original: try input.readBytes("original bytes"),
            replacement: Int(try input.read("replacement", as: UInt32.self)),
            parts: try input.readList("parts") { (input) throws(PatchFileError) in
                CodeRange(address: try input.read("part's address"), original: try input.readBytes("part's bytes"))
            })
    }

    private static func source(_ input: inout ByteReader) throws(PatchFileError) -> ExternalSymbol.Source {
        switch try input.read("kind of external", as: UInt8.self) {
        case 0: return .target(address: try input.read("external's address"))
        case 1: return .slot(address: try input.read("slot's address"))
        case 2:
            let name = try input.readString("external's name")
            let version = try input.readString("external's version")
            let weak = try input.read("weak", as: UInt8.self) != 0
            return .lookup(name: name, version: version.isEmpty ? nil : version, weak: weak)
        case 3: return .threadLocal(offset: try input.read("thread-local offset"))
        case let kind: throw PatchFileError(.malformed, "unknown kind \(kind) of external symbol")
        }
    }

    private static func threadStorage(_ input: inout ByteReader) throws(PatchFileError) -> ThreadStorage? {
        switch try input.read("kind of thread storage", as: UInt8.self) {
        case 0: return nil
        case 1: return .executable(blockSize: try input.read("block size"))
        case 2:
            let module: UInt64 = try input.read("module slot")
            let offset: UInt64 = try input.read("offset slot")
            return .slots(
                module: module == .max ? nil : module, offset: offset == .max ? nil : offset,
                variable: try input.read("variable"))
        case let kind: throw PatchFileError(.malformed, "unknown kind \(kind) of thread storage")
        }
    }
}
