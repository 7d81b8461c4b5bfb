// swift-format-ignore-file: AllPublicDeclarationsHaveDocumentation
// The names are the specification's own; documenting each would repeat it.

// Numbers of the System V ABI (gABI chapters 4 and 5) and its x86-64 supplement, as open-ended types: an
// unknown number is kept, never refused for being unknown.

/// An integer with names: `e_type`, `sh_type` and the like.
public protocol NamedNumber: RawRepresentable, Hashable, Sendable where RawValue: FixedWidthInteger & Sendable {}

/// `e_type`: what kind of file.
public struct FileType: NamedNumber {
    public var rawValue: UInt16
    public init(rawValue: UInt16) { self.rawValue = rawValue }
    public static let relocatable = FileType(rawValue: 1)
    public static let executable = FileType(rawValue: 2)
    public static let shared = FileType(rawValue: 3)
    public static let core = FileType(rawValue: 4)
}

/// `e_machine`: for which processor.
public struct Machine: NamedNumber {
    public var rawValue: UInt16
    public init(rawValue: UInt16) { self.rawValue = rawValue }
    public static let x86_64 = Machine(rawValue: 62)
    public static let aarch64 = Machine(rawValue: 183)
}

/// `sh_type`: what a section holds.
public struct SectionType: NamedNumber {
    public var rawValue: UInt32
    public init(rawValue: UInt32) { self.rawValue = rawValue }
    public static let null = SectionType(rawValue: 0)
    public static let progbits = SectionType(rawValue: 1)
    public static let symtab = SectionType(rawValue: 2)
    public static let strtab = SectionType(rawValue: 3)
    public static let rela = SectionType(rawValue: 4)
    public static let hash = SectionType(rawValue: 5)
    public static let dynamic = SectionType(rawValue: 6)
    public static let note = SectionType(rawValue: 7)
    public static let nobits = SectionType(rawValue: 8)
    public static let rel = SectionType(rawValue: 9)
    public static let dynsym = SectionType(rawValue: 11)
    public static let initArray = SectionType(rawValue: 14)
    public static let finiArray = SectionType(rawValue: 15)
    public static let preinitArray = SectionType(rawValue: 16)
    public static let group = SectionType(rawValue: 17)
    public static let symtabShndx = SectionType(rawValue: 18)
    public static let gnuHash = SectionType(rawValue: 0x6fff_fff6)
    public static let gnuVerdef = SectionType(rawValue: 0x6fff_fffd)
    public static let gnuVerneed = SectionType(rawValue: 0x6fff_fffe)
    public static let gnuVersym = SectionType(rawValue: 0x6fff_ffff)
    public static let x86_64Unwind = SectionType(rawValue: 0x7000_0001)
}

/// `sh_flags`: a section's attributes.
public struct SectionFlags: OptionSet, Hashable, Sendable {
    public var rawValue: UInt64
    public init(rawValue: UInt64) { self.rawValue = rawValue }
    public static let write = SectionFlags(rawValue: 0x1)
    public static let alloc = SectionFlags(rawValue: 0x2)
    public static let execinstr = SectionFlags(rawValue: 0x4)
    public static let merge = SectionFlags(rawValue: 0x10)
    public static let strings = SectionFlags(rawValue: 0x20)
    public static let infoLink = SectionFlags(rawValue: 0x40)
    public static let linkOrder = SectionFlags(rawValue: 0x80)
    public static let group = SectionFlags(rawValue: 0x200)
    public static let tls = SectionFlags(rawValue: 0x400)
    public static let compressed = SectionFlags(rawValue: 0x800)
    public static let exclude = SectionFlags(rawValue: 0x8000_0000)
}

/// `p_type`: what a segment is for.
public struct SegmentType: NamedNumber {
    public var rawValue: UInt32
    public init(rawValue: UInt32) { self.rawValue = rawValue }
    public static let load = SegmentType(rawValue: 1)
    public static let dynamic = SegmentType(rawValue: 2)
    public static let interp = SegmentType(rawValue: 3)
    public static let note = SegmentType(rawValue: 4)
    public static let phdr = SegmentType(rawValue: 6)
    public static let tls = SegmentType(rawValue: 7)
    public static let gnuEhFrame = SegmentType(rawValue: 0x6474_e550)
    public static let gnuStack = SegmentType(rawValue: 0x6474_e551)
    public static let gnuRelro = SegmentType(rawValue: 0x6474_e552)
    public static let gnuProperty = SegmentType(rawValue: 0x6474_e553)
}

/// `p_flags`: how a segment is mapped.
public struct SegmentFlags: OptionSet, Hashable, Sendable {
    public var rawValue: UInt32
    public init(rawValue: UInt32) { self.rawValue = rawValue }
    public static let execute = SegmentFlags(rawValue: 1)
    public static let write = SegmentFlags(rawValue: 2)
    public static let read = SegmentFlags(rawValue: 4)
}

/// Low half of `st_info`: what a symbol names.
public struct SymbolType: NamedNumber {
    public var rawValue: UInt8
    public init(rawValue: UInt8) { self.rawValue = rawValue }
    public static let notype = SymbolType(rawValue: 0)
    public static let object = SymbolType(rawValue: 1)
    public static let function = SymbolType(rawValue: 2)
    public static let section = SymbolType(rawValue: 3)
    public static let file = SymbolType(rawValue: 4)
    public static let common = SymbolType(rawValue: 5)
    public static let tls = SymbolType(rawValue: 6)
    public static let gnuIFunc = SymbolType(rawValue: 10)
}

/// High half of `st_info`: who sees a symbol.
public struct SymbolBinding: NamedNumber {
    public var rawValue: UInt8
    public init(rawValue: UInt8) { self.rawValue = rawValue }
    public static let local = SymbolBinding(rawValue: 0)
    public static let global = SymbolBinding(rawValue: 1)
    public static let weak = SymbolBinding(rawValue: 2)
    public static let gnuUnique = SymbolBinding(rawValue: 10)
}

/// `st_other`: whether a symbol leaves its component.
public struct SymbolVisibility: NamedNumber {
    public var rawValue: UInt8
    public init(rawValue: UInt8) { self.rawValue = rawValue }
    public static let `default` = SymbolVisibility(rawValue: 0)
    public static let `internal` = SymbolVisibility(rawValue: 1)
    public static let hidden = SymbolVisibility(rawValue: 2)
    public static let protected = SymbolVisibility(rawValue: 3)
}
