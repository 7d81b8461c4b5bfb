package import ELF

/// What an object file is made of once position no longer matters: a function, a variable, a string.
package struct Entity: Sendable {
    /// What kind of thing.
    package enum Kind: String, Sendable, Codable {
        /// Code with a symbol.
        case function
        /// A variable or constant with a symbol.
        case data
        /// A thread-local variable.
        case threadLocal = "thread-local"
        /// A string in a mergeable section; its content is its identity.
        case literal
        /// Bytes without a symbol: a jump table, a floating-point constant, a compound literal.
        case anonymous
    }

    /// Position in ``ObjectModel/entities``.
    package var index: Int
    /// The symbol's name; empty for literals and anonymous bytes.
    package var name: String
    /// Other symbols for the same place.
    package var aliases: [String] = []
    /// What it is.
    package var kind: Kind
    /// Who sees it; `local` where there is no symbol.
    package var binding: SymbolBinding = .local
    /// Whether it leaves its component.
    package var visibility: SymbolVisibility = .default
    /// Type of the symbol, to tell an IFUNC from a function.
    package var type: SymbolType = .notype
    /// Index into ``ObjectModel/sections``.
    package var section: Int
    /// Where it lies in the section, in bytes.
    package var range: Range<Int>
    /// Its part of the section's ``ObjectSection/references``.
    package var references: Range<Int> = 0..<0

    /// Whether code of other units can name it.
    package var isGlobal: Bool { binding != .local }
}

/// One field that the linker fills in, with the target told in terms of entities.
package struct Reference: Sendable, Equatable {
    /// What the field refers to.
    package enum Target: Sendable, Equatable {
        /// Something of the same object: index into ``ObjectModel/entities``.
        case entity(Int)
        /// Something that another object defines: index into ``ObjectModel/symbols``.
        case external(Int)
        /// A number.
        case absolute(UInt64)
        /// A section that isn't loaded or isn't modelled.
        case unmodelled
    }

    /// From the start of the section, in bytes.
    package var offset: Int
    /// Type of relocation.
    package var type: UInt32
    /// Index into ``ObjectModel/symbols`` of the symbol that the object file names.
    package var symbol: Int
    /// What is meant.
    package var target: Target
    /// Counted from the start of the target entity; as in the file otherwise.
    package var addend: Int64
}

/// One loadable section.
package struct ObjectSection: Sendable {
    /// Position in the file's section table; common symbols get sections of their own behind it.
    package var index: Int
    /// The name.
    package var name: String
    /// `sh_type`.
    package var type: SectionType
    /// `sh_flags`.
    package var flags: SectionFlags
    /// In bytes.
    package var alignment: UInt64
    /// `sh_entsize`.
    package var entrySize: Int
    /// Size in memory, in bytes.
    package var size: Int
    /// The bytes, every field of a reference zeroed; empty if the section has none in the file.
    package var contents: [UInt8]
    /// Fields to fill in, sorted by offset.
    package var references: [Reference] = []
    /// Entities with a place of their own in this section, sorted by place; no literals.
    package var entities: [Int] = []

    /// Whether this section holds null-terminated strings that may be merged.
    package var isStrings: Bool { flags.contains(.merge) && flags.contains(.strings) }
    /// Whether this section holds constants of equal size that may be merged.
    package var isConstants: Bool { flags.contains(.merge) && !flags.contains(.strings) && entrySize > 0 }
    /// Whether it holds code.
    package var isCode: Bool { flags.contains(.execinstr) }
    /// Whether the program may write to it once it runs.
    ///
    /// `.data.rel.ro` is writable only until its relocations are done.
    package var isWritable: Bool {
        flags.contains(.write) && !name.hasPrefix(".data.rel.ro") && !name.hasPrefix(".data.rel.local.ro")
    }
}
