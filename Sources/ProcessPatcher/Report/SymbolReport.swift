import ELF
public import Linux

/// The names of one patch's new code in one process, for debuggers, which know nothing of memory that we mapped.
public struct SymbolReport: Sendable, Equatable {
    /// The patch's name.
    public var patch: String
    /// The binary that it serves.
    public var target: String
    /// What `/proc/PID/maps` calls its memory: `/memfd:tsugite:...`.
    public var mapping: String
    /// Where its memory begins: offset 0 of the mapping.
    public var image: UInt64
    /// Where its instructions begin.
    public var start: UInt64
    /// Their length in bytes.
    public var size: UInt64
    /// The functions by address.
    public var functions: [Function]

    /// One function of new code.
    public struct Function: Sendable, Equatable {
        /// Its symbol.
        public var name: String
        /// Where it begins.
        public var address: UInt64
        /// Its length in bytes.
        public var size: UInt64
    }

    /// An object file with these names in `.text`, which a debugger places at ``start``.
    ///
    /// GDB: `add-symbol-file FILE -s .text START`. The section takes no room in the file: the bytes are in the process.
    public func object() -> [UInt8] { object(beginningAt: start) }

    /// An object file for a profiler, which looks for the file behind a mapping and counts from its beginning.
    ///
    /// perf: `perf report --symfs FOLDER` looks for FOLDER/``mapping``.
    public func profile() -> [UInt8] {
        // Such a reader adds the section's place in the file to each symbol.
        let place = (try? ELFFile(ByteView(object())).section(named: ".text")?.offset) ?? 0
        return object(beginningAt: image &+ place)
    }

    private func object(beginningAt base: UInt64) -> [UInt8] {
        var writer = ObjectWriter(machine: .x86_64)
        let text = writer.addSpace(
            ".text", flags: [.alloc, .execinstr], alignment: 16, size: start &+ size &- base)
        for function in functions {
            _ = writer.addSymbol(
                function.name, value: function.address &- base, size: function.size, type: .function,
                place: .section(text))
        }
        return writer.encode().bytes
    }
}

extension ProcessPatcher {
    /// The new code in a process, undone patches included: threads may still be stopped in what was looked up there.
    public static func symbols(in process: ProcessID) throws(PatcherError) -> [SymbolReport] {
        let session = try ProcessSession(process)
        return session.installed.map { patch in
            let inside = patch.symbols.filter { patch.text.contains($0.range.start) && !$0.name.isEmpty }
            return SymbolReport(
                patch: patch.name, target: patch.targetName,
                mapping: session.space.mapping(at: patch.image.start)?.name ?? "",
                image: patch.image.start.rawValue,
                start: patch.text.start.rawValue,
                size: patch.text.count,
                functions: inside.map {
                    .init(name: $0.name, address: $0.range.start.rawValue, size: $0.range.count)
                }
                .sorted { ($0.address, $0.name) < ($1.address, $1.name) })
        }
    }
}
