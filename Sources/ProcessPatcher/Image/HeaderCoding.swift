import ELF
import Linux
import LivePatch

// The header of an image: the first bytes of its mapping. Little-endian.
//
//      0  8  "TSUGITE\0"
//      8  4  version
//     12  4  state                     changed by one write of 4 bytes, so never half
//     16  4  patcher's process id
//     20  4  length of the table
//     24  8  patcher's start time
//     32  8  patcher's PID namespace
//     40  8  transaction
//     48 32  SHA-256 of the table
//     80     the table: everything that doesn't change (ByteWriter)
//
// Bytes 12...47 are the journal. The digest tells a damaged header from a whole one; it is no protection
// against a process that forges its own, against which only the checks of the reader and the fact that all
// writes go back into the same process help.

/// Writes and reads image headers.
enum HeaderCoding {
    static let magic: [UInt8] = Array("TSUGITE\0".utf8)
    static let version: UInt32 = 1
    /// Where the state and the rest of the journal stand.
    static let journalOffset: UInt64 = 12
    static let fixedSize = 80
    /// The largest table read; the reader's bound against nonsense.
    static let tableLimit: UInt32 = 16 << 20

    /// What the start of a header tells, enough to read the rest.
    struct Start {
        let state: InstalledPatch.State
        let patcher: PatcherIdentity
        let transaction: UInt64
        let tableSize: Int
        let digest: [UInt8]
    }

    /// The bytes of a header, not padded.
    static func encode(_ patch: InstalledPatch) -> [UInt8] {
        let table = encodeTable(patch)
        var writer = ByteWriter()
        for byte in magic { writer.write(byte) }
        writer.write(version)
        for byte in journal(patch, tableSize: table.count) { writer.write(byte) }
        for byte in Digest(of: table).bytes { writer.write(byte) }
        return writer.bytes + table
    }

    /// Bytes 12...47: the part that changes.
    static func journal(_ patch: InstalledPatch, tableSize: Int) -> [UInt8] {
        var writer = ByteWriter()
        writer.write(patch.state.rawValue)
        writer.write(patch.patcher.process.rawValue)
        writer.write(UInt32(tableSize))
        writer.write(patch.patcher.startTime)
        writer.write(patch.patcher.namespace)
        writer.write(patch.transaction)
        return writer.bytes
    }

    /// Reads the fixed part; nil if it isn't one of our headers in a version that we know.
    static func start(_ bytes: [UInt8]) -> Start? {
        guard bytes.count >= fixedSize, Array(bytes[..<8]) == magic else { return nil }
        var reader = ByteReader(Array(bytes[8..<fixedSize]))
        guard let found = try? reader.read("version", as: UInt32.self), found == version,
            let rawState = try? reader.read("state", as: UInt32.self),
            let state = InstalledPatch.State(rawValue: rawState),
            let process = try? reader.read("patcher", as: Int32.self),
            let size = try? reader.read("table size", as: UInt32.self), size <= tableLimit,
            let startTime = try? reader.read("start time", as: UInt64.self),
            let namespace = try? reader.read("namespace", as: UInt64.self),
            let transaction = try? reader.read("transaction", as: UInt64.self)
        else { return nil }
        let patcher = PatcherIdentity(
            process: ProcessID(process), startTime: startTime, namespace: namespace)
        return Start(
            state: state, patcher: patcher, transaction: transaction, tableSize: Int(size),
            digest: Array(bytes[48..<fixedSize]))
    }

    /// Length of the table behind the fixed part.
    static func tableSize(_ patch: InstalledPatch) -> Int { encodeTable(patch).count }

    // MARK: The table

    private static func encodeTable(_ patch: InstalledPatch) -> [UInt8] {
        var writer = ByteWriter()
        writer.write(patch.name)
        writer.write(patch.patch.bytes)
        writer.write(list: patch.changes) { $0.write($1.bytes) }
        writer.write(patch.target.bytes)
        writer.write(patch.targetName)
        writer.write(patch.bias)
        writer.write(patch.image)
        writer.write(patch.codeSize)
        writer.write(patch.text)
        writer.write(list: patch.unwindTables) { $0.write($1) }
        writer.write(list: patch.functions) { writer, function in
            writer.write(function.name)
            writer.write(function.old)
            writer.write(list: function.parts) { $0.write($1) }
            writer.write(function.site.rawValue)
            writer.write(function.original)
            writer.write(function.trampoline)
            writer.write(function.entry.rawValue)
        }
        writer.write(list: patch.symbols) { writer, symbol in
            writer.write(symbol.name)
            writer.write(symbol.range)
        }
        // Only where there is any, so that older versions read what they know.
        guard !patch.dataWrites.isEmpty || !patch.registrations.isEmpty || !patch.hooks.isEmpty else {
            return writer.bytes
        }
        writer.write(list: patch.dataWrites) { writer, data in
            writer.write(data.name)
            writer.write(data.site.rawValue)
            writer.write(data.original)
            writer.write(data.replacement)
        }
        writer.write(list: patch.registrations) { $0.write($1.rawValue) }
        guard !patch.hooks.isEmpty else { return writer.bytes }
        writer.write(list: patch.hooks) { writer, hook in
            writer.write(hook.kind.rawValue)
            writer.write(hook.name)
            writer.write(hook.record.rawValue)
        }
        return writer.bytes
    }

    /// Reads the table behind a start.
    /// - Throws: for everything that contradicts itself or the place where the image was found.
    static func decode(
        _ start: Start, table: [UInt8], foundAt image: RemoteAddress
    ) throws(PatchFileError) -> InstalledPatch {
        guard Digest(of: table).bytes == start.digest else {
            throw PatchFileError(.malformed, "the header's digest doesn't match")
        }
        var reader = ByteReader(table)
        let name = try reader.readString("name")
        let digest = try reader.readDigest("patch")
        let changes = try reader.readList("changes") { (r) throws(PatchFileError) in
            try r.readDigest("change")
        }
        let target = BuildID(try reader.readBytes("build-id"))
        let targetName = try reader.readString("target")
        let bias: UInt64 = try reader.read("bias")
        let range = try reader.readRange("image")
        let codeSize: UInt64 = try reader.read("code size")
        guard range.start == image, codeSize <= range.count else {
            throw PatchFileError(.malformed, "the header names another place than its own")
        }
        let text = try reader.readRange("instructions")
        let unwind = try reader.readList("unwind tables") { (r) throws(PatchFileError) in
            try r.readRange("unwind table")
        }
        let functions = try reader.readList("functions", InstalledPatch.Function.init(from:))
        let symbols = try reader.readList("symbols") { (r) throws(PatchFileError) in
            InstalledPatch.CodeSymbol(name: try r.readString("symbol"), range: try r.readRange("symbol"))
        }
        let data =
            reader.isAtEnd ? [] : try reader.readList("data", InstalledPatch.DataWrite.init(from:))
        let registrations =
            reader.isAtEnd
            ? []
            : try reader.readList("registrations") { (r) throws(PatchFileError) in
                RemoteAddress(try r.read("registration", as: UInt64.self))
            }
        let hooks = reader.isAtEnd ? [] : try reader.readList("hooks", InstalledPatch.Hook.init(from:))
        let patch = InstalledPatch(
            state: start.state, patcher: start.patcher, transaction: start.transaction, name: name,
            patch: digest, changes: changes, target: target, targetName: targetName, bias: bias, image: range,
            codeSize: codeSize, text: text, unwindTables: unwind, functions: functions, symbols: symbols,
            dataWrites: data, registrations: registrations, hooks: hooks)
        guard registrations.isEmpty || registrations.count == unwind.count,
            registrations.allSatisfy({
                range.encloses(RemoteRange(start: $0, count: ImageLayout.registrationSize))
            })
        else { throw PatchFileError(.malformed, "registrations lie outside the image") }
        guard hooks.allSatisfy({ range.encloses(RemoteRange(start: $0.record, count: $0.kind.recordSize)) }) else {
            throw PatchFileError(.malformed, "hooks lie outside the image")
        }
        guard patch.code.encloses(text), unwind.allSatisfy({ patch.code.encloses($0) }) else {
            throw PatchFileError(.malformed, "instructions or unwind tables lie outside the image")
        }
        return patch
    }
}

extension InstalledPatch.Function {
    fileprivate init(from reader: inout ByteReader) throws(PatchFileError) {
        name = try reader.readString("function")
        old = try reader.readRange("old code")
        parts = try reader.readList("parts") { (r) throws(PatchFileError) in try r.readRange("part") }
        site = RemoteAddress(try reader.read("site", as: UInt64.self))
        original = try reader.readBytes("original bytes")
        trampoline = try reader.readBytes("trampoline")
        entry = RemoteAddress(try reader.read("entry", as: UInt64.self))
        let size = JumpEncoding.trampolineSize
        guard original.count == size, trampoline.count == size,
            old.contains(site), site.adding(UInt64(size)) != nil
        else { throw PatchFileError(.malformed, "function \(name): its site makes no sense") }
    }
}

extension InstalledPatch.Hook {
    fileprivate init(from reader: inout ByteReader) throws(PatchFileError) {
        let raw: UInt8 = try reader.read("kind of hook")
        guard let found = PatchHook.Kind(rawValue: raw) else {
            throw PatchFileError(.malformed, "unknown kind \(raw) of hook")
        }
        kind = found
        name = try reader.readString("hook")
        record = RemoteAddress(try reader.read("hook's record", as: UInt64.self))
    }
}

extension InstalledPatch.DataWrite {
    fileprivate init(from reader: inout ByteReader) throws(PatchFileError) {
        name = try reader.readString("data")
        site = RemoteAddress(try reader.read("site", as: UInt64.self))
        original = try reader.readBytes("original bytes")
        replacement = try reader.readBytes("new bytes")
        guard !original.isEmpty, original.count == replacement.count, site.adding(UInt64(original.count)) != nil
        else { throw PatchFileError(.malformed, "data \(name): its bytes make no sense") }
    }
}

extension RemoteRange {
    /// Whether another range lies inside this one.
    func encloses(_ other: RemoteRange) -> Bool {
        guard let end, let otherEnd = other.end else { return false }
        return other.start >= start && otherEnd <= end
    }
}

extension ByteWriter {
    fileprivate mutating func write(_ range: RemoteRange) {
        write(range.start.rawValue)
        write(range.count)
    }
}

extension ByteReader {
    fileprivate mutating func readRange(_ what: String) throws(PatchFileError) -> RemoteRange {
        let range = RemoteRange(start: RemoteAddress(try read(what, as: UInt64.self)), count: try read(what))
        guard range.end != nil else { throw PatchFileError(.malformed, "\(what) runs past the end of memory") }
        return range
    }

    fileprivate mutating func readDigest(_ what: String) throws(PatchFileError) -> Digest {
        guard let digest = Digest(bytes: try readBytes(what)) else {
            throw PatchFileError(.malformed, "\(what) isn't a digest")
        }
        return digest
    }
}
