public import ELF

// The bytes of `.tsugite.kernel`, little-endian; texts and lists behind a 32-bit count:
//
//     "TSGKRN" 1 0 │ name │ module │ release │ build-id │ list of digests │ list of advisories
//     │ effective version │ replaces 8 bits │ list of targets
//     target:   name │ build-id, empty for none │ list of functions
//     function: name │ position 32 bits │ original bytes │ list of (start 32 bits, end 32 bits)

extension KernelPatch {
    /// The section that holds the description.
    public static let section = ".tsugite.kernel"

    private static let magic: [UInt8] = Array("TSGKRN".utf8) + [1, 0]

    /// The description's bytes.
    public var encoded: [UInt8] {
        var writer = ByteWriter()
        for byte in Self.magic { writer.write(byte) }
        writer.write(name)
        writer.write(module)
        writer.write(release)
        writer.write(buildID.bytes)
        writer.write(list: changes) { for byte in $1.bytes { $0.write(byte) } }
        writer.write(list: advisories) { $0.write($1) }
        writer.write(effective)
        writer.write(UInt8(replaces ? 1 : 0))
        writer.write(list: targets) { writer, target in
            writer.write(target.name)
            writer.write(target.buildID?.bytes ?? [])
            writer.write(list: target.functions) { writer, function in
                writer.write(function.name)
                writer.write(UInt32(clamping: function.position))
                writer.write(function.original)
                writer.write(list: function.mutable) { writer, range in
                    writer.write(UInt32(clamping: range.lowerBound))
                    writer.write(UInt32(clamping: range.upperBound))
                }
            }
        }
        return writer.bytes
    }

    /// Reads the description of a patch file.
    /// - Throws: ``PatchFileError`` if there is none or it is damaged.
    public init(_ file: ELFFile) throws(PatchFileError) {
        guard let section = file.section(named: Self.section) else {
            throw PatchFileError(.malformed, "no section \(Self.section): not a live patch for a kernel")
        }
        let bytes: [UInt8]
        do { bytes = try file.rawContents(of: section).bytes } catch {
            throw PatchFileError(.elf(error), Self.section)
        }
        try self.init(decoding: bytes)
    }

    /// Reads the bytes that ``encoded`` made.
    public init(decoding bytes: [UInt8]) throws(PatchFileError) {
        var reader = ByteReader(bytes)
        var magic: [UInt8] = []
        for _ in Self.magic { magic.append(try reader.read("magic number")) }
        guard magic[..<6] == Self.magic[..<6] else { throw PatchFileError(.malformed, "magic number") }
        guard magic == Self.magic else {
            throw PatchFileError(.version(UInt32(magic[6])), "description of a kernel patch")
        }
        name = try reader.readString("name")
        module = try reader.readString("module")
        release = try reader.readString("release")
        buildID = BuildID(try reader.readBytes("build-id"))
        changes = try reader.readList("changes") { (reader) throws(PatchFileError) in
            guard let digest = Digest(bytes: try reader.readFixed("change", 32)) else {
                throw PatchFileError(.malformed, "change")
            }
            return digest
        }
        advisories = try reader.readList("advisories") { (reader) throws(PatchFileError) in
            try reader.readString("advisory")
        }
        effective = try reader.readString("effective version")
        replaces = try reader.read("replaces", as: UInt8.self) != 0
        targets = try reader.readList("targets") { (reader) throws(PatchFileError) in try Self.target(&reader) }
        guard reader.isAtEnd else { throw PatchFileError(.malformed, "bytes behind the end") }
    }

    /// The description as the loaded module carries it in memory: what it replaces, the kernel itself says.
    public var withoutTargets: KernelPatch {
        var short = self
        short.targets = []
        return short
    }

    /// What the description without its targets says: the loaded module carries it in memory, as a note.
    public var note: [UInt8] {
        let (owner, descriptor) = (Array("Tsugite".utf8) + [0], withoutTargets.encoded)
        var writer = ByteWriter()
        writer.write(UInt32(owner.count))
        writer.write(UInt32(descriptor.count))
        writer.write(UInt32(1))
        for byte in owner + descriptor { writer.write(byte) }
        while writer.bytes.count % 4 != 0 { writer.write(UInt8(0)) }
        return writer.bytes
    }

    /// The section that holds ``note``; the kernel shows it as `/sys/module/MODULE/notes/.note.tsugite`.
    public static let noteSection = ".note.tsugite"

    /// Reads ``note`` back; `targets` is empty then.
    /// - Throws: ``PatchFileError`` if there is no such note or it is damaged.
    public init(note bytes: [UInt8]) throws(PatchFileError) {
        let notes: [Note]
        do { notes = try Note.list(ByteView(bytes)) } catch {
            throw PatchFileError(.elf(error), Self.noteSection)
        }
        guard let note = notes.first(where: { $0.owner == "Tsugite" && $0.type == 1 }) else {
            throw PatchFileError(.malformed, "no note of Tsugite")
        }
        try self.init(decoding: note.descriptor)
    }

    private static func target(_ reader: inout ByteReader) throws(PatchFileError) -> KernelPatchTarget {
        let name = try reader.readString("target")
        let id = try reader.readBytes("target's build-id")
        let functions = try reader.readList("functions") { (reader) throws(PatchFileError) in try function(&reader)
        }
        return KernelPatchTarget(name: name, buildID: id.isEmpty ? nil : BuildID(id), functions: functions)
    }

    private static func function(_ reader: inout ByteReader) throws(PatchFileError) -> ReplacedKernelCode {
        let name = try reader.readString("function")
        let position = Int(try reader.read("position", as: UInt32.self))
        let original = try reader.readBytes("original bytes")
        let mutable = try reader.readList("ranges") { (reader) throws(PatchFileError) in
            let (start, end) = (
                Int(try reader.read("range", as: UInt32.self)), Int(try reader.read("range", as: UInt32.self))
            )
            guard start <= end, end <= original.count else { throw PatchFileError(.malformed, "range of \(name)") }
            return start..<end
        }
        return ReplacedKernelCode(name: name, position: position, original: original, mutable: mutable)
    }
}

extension ByteReader {
    fileprivate mutating func readFixed(_ what: String, _ count: Int) throws(PatchFileError) -> [UInt8] {
        var bytes: [UInt8] = []
        for _ in 0..<count { bytes.append(try read(what)) }
        return bytes
    }
}
