/// A function of the patch that the patcher has the process run, or the root of its shadow variables.
///
/// What stands at the symbol is described by `tsugite-patch.h`, which its author included.
public struct PatchHook: Sendable, Equatable {
    /// When it runs.
    public enum Kind: UInt8, Sendable, CaseIterable {
        /// Before the process is stopped to be changed.
        case preApply = 1
        /// While all threads stand still, before the code changes.
        case apply = 2
        /// When the new code runs.
        case postApply = 3
        /// Before the process is stopped to be changed back.
        case preUndo = 4
        /// While all threads stand still, before the old code comes back.
        case undo = 5
        /// When the old code runs again.
        case postUndo = 6
        /// No hook: where the patch keeps the way to the process's shadow variables.
        case shadow = 7

        /// As `tsugite-patch.h` and reports spell it: `pre-apply`.
        public var name: String {
            switch self {
            case .preApply: "pre-apply"
            case .apply: "apply"
            case .postApply: "post-apply"
            case .preUndo: "pre-undo"
            case .undo: "undo"
            case .postUndo: "post-undo"
            case .shadow: "shadow"
            }
        }

        /// Length of the record at the symbol, in bytes (`struct tsugite_hook`, `struct tsugite_shadow_root`).
        public var recordSize: UInt64 { self == .shadow ? 16 : 128 }
    }

    /// When it runs.
    public var kind: Kind
    /// The function's name.
    public var name: String
    /// Index of the record in ``PatchObject/symbols``.
    public var symbol: Int

    /// Makes an entry.
    public init(kind: Kind, name: String, symbol: Int) {
        self.kind = kind
        self.name = name
        self.symbol = symbol
    }
}
