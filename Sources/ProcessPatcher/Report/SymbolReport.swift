import ELF
public import Linux

/// The names of one patch's new code in one process, for debuggers, which know nothing of memory that we mapped.
public struct SymbolReport: Sendable, Equatable {
    /// The patch's name.
    public var patch: String
    /// The binary that it serves.
    public var target: String
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

    /// An object file with these names in its section `.text`, which a debugger places at ``start``.
    ///
    /// GDB: `add-symbol-file FILE -s .text START`. The section takes no room in the file: the bytes are in the process.
    public func object() -> [UInt8] {
        var writer = ObjectWriter(machine: .x86_64)
        let text = writer.addSpace(".text", flags: [.alloc, .execinstr], alignment: 16, size: size)
        for function in functions {
            _ = writer.addSymbol(
                function.name, value: function.address - start, size: function.size, type: .function,
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
                patch: patch.name, target: patch.targetName, start: patch.text.start.rawValue,
                size: patch.text.count,
                functions: inside.map {
                    .init(name: $0.name, address: $0.range.start.rawValue, size: $0.range.count)
                }
                .sorted { ($0.address, $0.name) < ($1.address, $1.name) })
        }
    }
}
