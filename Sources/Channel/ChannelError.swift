public import Findings

/// Something in a channel, on the way to it, or in our copy of it can't be used; nothing was changed by it.
public struct ChannelError: DiagnosableError, Equatable, Sendable {
    /// What is wrong.
    public enum Kind: Sendable, Equatable, CaseIterable {
        /// Bytes that aren't what they should be: not JSON, a member missing, a number out of range.
        case malformed
        /// Fewer valid signatures by distinct keys than the role needs.
        case signatures
        /// Valid once, not any more.
        case expired
        /// Older than what this machine has already seen.
        case rollback
        /// A version, length or hash differs from the one that was signed.
        case mismatch
        /// More bytes than were announced or are ever reasonable.
        case tooLong
        /// The server says that there is no such file.
        case notFound
        /// The server can't be reached or breaks off.
        case network
        /// Data arrives, but so slowly that it may be an attack.
        case slow
        /// No trusted role lists this target.
        case noTarget
        /// A key can't be read, used, or isn't held here.
        case key
        /// Another process is working on the same channel.
        case locked
        /// A file of our own can't be read or written.
        case file
        /// Steps were taken in an order that the workflow forbids: a mistake in the calling program.
        case order
    }

    /// What is wrong.
    public let kind: Kind
    /// With which role, file or address.
    public let subject: String
    /// The details, in words.
    public let what: String
    /// The clause of the TUF specification 1.0.34 that asks for the check that failed, such as `5.4.3`.
    public let clause: String?
    /// What can be done, where it isn't what the kind's code says.
    public let remedy: String?

    /// Makes an error.
    public init(_ kind: Kind, _ subject: String, _ what: String, clause: String? = nil, remedy: String? = nil) {
        self.kind = kind
        self.subject = subject
        self.what = what
        self.clause = clause
        self.remedy = remedy
    }

    /// The error in common terms.
    public var finding: Finding {
        let message = "\(subject): \(what)"
        guard let clause else { return Finding(code, message, evidence: ["subject": subject], remedy: remedy) }
        return Finding(code, message, evidence: ["subject": subject, "clause": "TUF \(clause)"], remedy: remedy)
    }

    private var code: FindingCode {
        switch kind {
        case .malformed: .channelMalformed
        case .signatures: .channelSignatures
        case .expired: .channelExpired
        case .rollback: .channelRollback
        case .mismatch: .channelMismatch
        case .tooLong: .channelTooLong
        case .notFound: .channelNotFound
        case .network: .channelNetwork
        case .slow: .channelSlow
        case .noTarget: .channelNoTarget
        case .key: .channelKey
        case .locked: .channelLocked
        case .file: .channelFile
        case .order: .channelOrder
        }
    }
}
