import ArgumentParser
import Channel
import Console
import Findings

/// Publishes what was added.
struct ChannelPublish: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "publish", abstract: "Sign and publish the updates that were added.",
        discussion: """
            Also signs anew what has less than half of its time left, so a publisher that runs this once a day \
            never lets its channel expire. With --renew only a new timestamp is made, which needs only the \
            online key.
            """)

    @OptionGroup var channel: ChannelOptions
    @Flag(help: "Only make a new timestamp for what is published.") var renew = false

    func run() throws {
        var isDone = true
        try reportingChannelErrors { () throws(ChannelError) in
            if renew {
                let done = try channel.repository.renewTimestamp(keys: try channel.ring())
                Output.result(
                    "timestamp version \(done.timestampVersion) for snapshot version \(done.snapshotVersion)")
                return
            }
            let (publication, ids) = try channel.repository.publishStaged(keys: try channel.ring())
            guard let publication else {
                Output.result("nothing to do: no update waits, and nothing is near its expiry")
                isDone = false
                return
            }
            for id in ids { Output.result("published \(id)") }
            Output.result("snapshot version \(publication.snapshotVersion), signed anew: \(roles(publication))")
        }
        guard isDone else { throw ExitStatus.nothingToDo.exit }
    }

    private func roles(_ publication: Repository.Publication) -> String {
        publication.roles.isEmpty ? "no role" : publication.roles.joined(separator: ", ")
    }
}

/// Takes an update back.
struct ChannelWithdraw: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "withdraw", abstract: "Take an update back; clients undo it or warn, by their policy.")

    @OptionGroup var channel: ChannelOptions
    @Argument(help: "The update's id.") var id: String
    @Option(help: "Why, for the people who read it on their machines.") var reason: String

    func validate() throws {
        guard !reason.allSatisfy(\.isWhitespace) else { throw ValidationError("--reason needs words") }
    }

    func run() throws {
        try reportingChannelErrors { () throws(ChannelError) in
            let done = try channel.repository.publish(keys: try channel.ring()) { draft throws(ChannelError) in
                try draft.withdraw(id, reason: reason)
                try draft.withdrawFromRings(id, reason: reason)
            }
            Output.result("withdrew \(id) from \(done?.roles.joined(separator: ", ") ?? "no role")")
        }
    }
}

/// Looks for damage.
struct ChannelCheck: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "check", abstract: "Check every file, every signature and every expiry of a channel.",
        discussion: "The exit status is 0 if clients can use all of it, and 15 if they can't.")

    @Argument(help: "Folder of the channel.") var folder: String

    func run() throws {
        try reportingChannelErrors { () throws(ChannelError) in
            let defects = try Repository(folder: folder).check()
            for defect in defects {
                Output.result("\(defect.severity.rawValue): \(defect.error.subject): \(defect.error.what)")
            }
            let errors = defects.count { $0.severity == .error }
            Output.result(errors == 0 ? "clients can use all of it" : "\(errors) errors")
            guard errors == 0 else {
                throw ChannelError(.mismatch, folder, "\(errors) errors, listed above")
            }
        }
    }
}
