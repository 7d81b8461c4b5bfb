import ArgumentParser
import Channel
import Console
import Findings

/// Makes rings and moves updates through them.
struct ChannelPromote: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "promote", abstract: "Let updates into a ring, or from one ring into the next.",
        discussion: """
            Without --from, everything that the channel publishes is let into the ring; with --upstream, \
            everything that another channel publishes, whose verified metadata lies in that folder.
            """)

    @OptionGroup var channel: ChannelOptions
    @Option(help: "The ring that updates come from; they must have soaked there.") var from: String?
    @Option(help: "The ring that they go to.") var to: String
    @Option(
        name: .customLong("id"), parsing: .upToNextOption,
        help: ArgumentHelp("Only these updates.", valueName: "id"))
    var ids: [String] = []
    @Option(help: "Folder with another channel's verified metadata.") var upstream: String?
    @Option(help: "Address of that other channel's metadata.") var upstreamUrl: String?

    func validate() throws {
        guard from == nil || upstream == nil else { throw ValidationError("give either --from or --upstream") }
        guard (upstream == nil) == (upstreamUrl == nil) else {
            throw ValidationError("--upstream and --upstream-url go together")
        }
    }

    func run() throws {
        try reportingChannelErrors { () throws(ChannelError) in
            var plan = Ring.Promotion()
            var new: [String] = []
            let others = try upstreamTargets()
            _ = try channel.repository.publish(keys: try channel.ring()) { draft throws(ChannelError) in
                if let from {
                    plan = try draft.promote(from: from, to: to, ids: ids.isEmpty ? nil : ids)
                } else {
                    let targets = others ?? draft.targets.values.flatMap(\.files.values)
                    new = try draft.approve(targets.filter(isChosen), in: to)
                }
            }
            for id in new + plan.ready.map(\.id) { Output.result("\(to): \(id)") }
            for (approval, until) in plan.soaking { Output.result("soaking until \(until): \(approval.id)") }
            if new.isEmpty, plan.ready.isEmpty { Output.result("nothing to do") }
        }
    }

    private func isChosen(_ target: TargetFile) -> Bool {
        guard let id = UpdateDescription(custom: target.custom)?.id else { return false }
        return ids.isEmpty || ids.contains(id)
    }

    private func upstreamTargets() throws(ChannelError) -> [TargetFile]? {
        guard let upstream, let upstreamUrl else { return nil }
        return try Updater(
            store: MetadataStore(folder: upstream), metadataAddress: upstreamUrl,
            fetcher: try fetcher(for: upstreamUrl)
        ).allTargets()
    }
}

/// Makes a ring, or shows all.
struct ChannelRing: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "ring", abstract: "Make a ring, change how long updates soak in it, or show all rings.")

    @OptionGroup var channel: ChannelOptions
    @Argument(help: "The ring to make or change.") var name: String?
    @Option(help: "Hours that an update stays in the ring before it may go on.") var soakHours = 24

    func run() throws {
        try reportingChannelErrors { () throws(ChannelError) in
            if let name {
                _ = try channel.repository.publish(keys: try channel.ring()) { draft throws(ChannelError) in
                    try draft.setRing(name, soakHours: soakHours)
                }
            }
            for ring in try channel.repository.rings() {
                Output.result("\(ring.name): \(ring.approvals.count) updates, soak \(ring.soakHours) h")
                for approval in ring.approvals.values { Output.result("  \(approval.id) since \(approval.since)") }
            }
        }
    }
}
