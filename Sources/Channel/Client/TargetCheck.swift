/// Checks a target's length and hashes while its bytes pass by (TUF 5.7.3).
struct TargetCheck {
    private let target: TargetFile
    private var hashes: HashCheck
    private var received = 0

    init(_ target: TargetFile) throws(ChannelError) {
        self.target = target
        hashes = try HashCheck(target.hashes, subject: target.path, clause: "5.7.3")
    }

    /// Takes the next bytes; refuses the first one too many.
    mutating func take(_ piece: [UInt8]) throws(ChannelError) {
        guard piece.count <= target.length - received else {
            throw ChannelError(.tooLong, target.path, "more than \(target.length) bytes", clause: "5.7.3")
        }
        received += piece.count
        hashes.update(piece)
    }

    /// Refuses unless all was right.
    func finish() throws(ChannelError) {
        guard received == target.length else {
            throw ChannelError(
                .mismatch, target.path, "\(received) bytes instead of \(target.length)", clause: "5.7.3")
        }
        guard hashes.matches() else {
            throw ChannelError(.mismatch, target.path, "the hash isn't the one that was signed", clause: "5.7.3")
        }
    }
}
