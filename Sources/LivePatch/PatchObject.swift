public import ELF

/// The new code and data: the loadable part of a relocatable object, as values.
public struct PatchObject: Sendable, Equatable {
    /// One section that is loaded into the process.
    public struct Section: Sendable, Equatable {
        /// The name, such as `.text.ngx_http_init`.
        public var name: String
        /// Attributes; always with `alloc`.
        public var flags: SectionFlags
        /// In bytes, a power of two.
        public var alignment: UInt64
        /// The bytes; empty for zero-initialised data.
        public var contents: [UInt8]
        /// Size in memory; larger than `contents` only for zero-initialised data.
        public var size: UInt64
        /// What to fill in once addresses are known; symbols index ``PatchObject/symbols``.
        public var relocations: [Relocation]

        /// Makes a section; `size` defaults to the length of the contents.
        public init(
            name: String, flags: SectionFlags, alignment: UInt64, contents: [UInt8], size: UInt64? = nil,
            relocations: [Relocation] = []
        ) {
            self.name = name
            self.flags = flags
            self.alignment = alignment
            self.contents = contents
            self.size = size ?? UInt64(contents.count)
            self.relocations = relocations
        }
    }

    /// One symbol.
    public struct Symbol: Sendable, Equatable {
        /// The name; unique enough for people, not an identity.
        public var name: String
        /// The section that defines it, `nil` if another component does.
        public var section: Int?
        /// Offset into the section, in bytes.
        public var value: UInt64
        /// Length in bytes.
        public var size: UInt64
        /// What it names.
        public var type: SymbolType
        /// Who sees it.
        public var binding: SymbolBinding

        /// Makes a symbol.
        public init(
            name: String, section: Int?, value: UInt64 = 0, size: UInt64 = 0, type: SymbolType = .notype,
            binding: SymbolBinding = .local
        ) {
            self.name = name
            self.section = section
            self.value = value
            self.size = size
            self.type = type
            self.binding = binding
        }
    }

    /// The loadable sections.
    public var sections: [Section]
    /// The symbols.
    public var symbols: [Symbol]

    /// Makes an object from its parts.
    public init(sections: [Section] = [], symbols: [Symbol] = []) {
        self.sections = sections
        self.symbols = symbols
    }
}
