/// What the linker promises about a whole file: the `NT_GNU_PROPERTY_TYPE_0` note.
public struct GNUProperties: Sendable, Equatable {
    /// The bytes of each property by its type, in the file's order.
    public let entries: [Entry]

    /// One property.
    public struct Entry: Sendable, Equatable {
        /// Generic below 0xc0000000, processor-specific from there.
        public let type: UInt32
        /// Its value.
        public let data: [UInt8]
    }

    /// The value of a property that is a set of bits; 0 if it isn't there.
    public func bits(_ type: UInt32) -> UInt32 {
        guard let data = entries.first(where: { $0.type == type })?.data, data.count >= 4 else { return 0 }
        return data.prefix(4).reversed().reduce(0) { $0 << 8 | UInt32($1) }
    }

    /// Reads the descriptor of the note: type, size, value, padding to eight bytes.
    init(_ descriptor: [UInt8]) throws(ELFError) {
        let bytes = ByteView(descriptor)
        var entries: [Entry] = []
        var at = 0
        while bytes.count - at >= 8 {
            let size: UInt32 = try bytes.load(at + 4)
            let data = try bytes.slice(UInt64(at) + 8, UInt64(size), "GNU property")
            entries.append(Entry(type: try bytes.load(at), data: data.bytes))
            at += 8 + (Int(size) + 7) / 8 * 8
        }
        self.entries = entries
    }
}

extension [Note] {
    /// The GNU properties, if any.
    public func gnuProperties() throws(ELFError) -> GNUProperties? {
        guard let note = first(where: { $0.owner == "GNU" && $0.type == 5 }) else { return nil }
        return try GNUProperties(note.descriptor)
    }
}
