/// How a replay ended: what the next boot has to know before it does the same again.
///
/// A power cut and a crash look alike afterwards: the machine was on, and then it wasn't. So one unclean end says
/// nothing, several in a row shortly after the same set was replayed say that the set is to blame; and a crash dump
/// (pstore) says so at once.
public struct BootMemory: Sendable, Equatable, Codable {
    /// How far that boot came.
    public enum Stage: String, Sendable, Codable {
        /// The replay had begun.
        case replaying
        /// It was done; the machine had not yet run for a while.
        case replayed
        /// It ran for a while after that, or was shut down in an orderly way.
        case settled
        /// The set was held back.
        case held
    }

    /// Names this form.
    public var schema = "tsugite.boot/1"
    /// The boot.
    public var bootID: String
    /// The set: digests, sorted.
    public var set: [String]
    /// See ``Stage``.
    public var stage: Stage
    /// Boots in a row that ended uncleanly, shortly after this set was replayed.
    public var uncleanEnds: Int

    /// What to do at this boot.
    public enum Verdict: Sendable, Equatable {
        /// Replay; so many unclean ends came before.
        case replay(uncleanEnds: Int)
        /// Don't.
        case held(String)
    }

    /// Decides whether a set is replayed.
    /// - Parameters:
    ///   - previous: the last record; nil if there is none.
    ///   - set: what would be replayed.
    ///   - hasCrashDump: whether the kernel left one of the boot before.
    ///   - limit: unclean ends in a row that are too many.
    public static func decide(
        _ previous: BootMemory?, bootID: String, set: [String], hasCrashDump: Bool, limit: Int
    ) -> Verdict {
        guard let previous, previous.set == set else { return .replay(uncleanEnds: 0) }
        if previous.stage == .held { return .held("it was held back before") }
        // The same boot: asked for again, or our own restart.
        if previous.bootID == bootID { return .replay(uncleanEnds: previous.uncleanEnds) }
        guard previous.stage != .settled else { return .replay(uncleanEnds: 0) }
        if hasCrashDump { return .held("the kernel crashed shortly after the last replay") }
        let ends = previous.uncleanEnds + 1
        guard ends < limit else { return .held("\(ends) boots in a row ended shortly after it was replayed") }
        return .replay(uncleanEnds: ends)
    }
}
