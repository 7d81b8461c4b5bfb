/// Control-flow protection that all code of a file was compiled for (`GNU_PROPERTY_X86_FEATURE_1_AND`).
///
/// See the x86-64 psABI, "Program Property".
public struct X86_64Features: OptionSet, Hashable, Sendable {
    /// The bits as they stand.
    public var rawValue: UInt32
    /// Takes any bits.
    public init(rawValue: UInt32) { self.rawValue = rawValue }
    /// Each target of an indirect branch starts with `endbr64`.
    public static let indirectBranchTracking = X86_64Features(rawValue: 1)
    /// Return addresses are kept on a second stack.
    public static let shadowStack = X86_64Features(rawValue: 2)
}

extension GNUProperties {
    /// The control-flow protection of an x86-64 file.
    public var x86_64Features: X86_64Features { X86_64Features(rawValue: bits(0xc000_0002)) }
}
