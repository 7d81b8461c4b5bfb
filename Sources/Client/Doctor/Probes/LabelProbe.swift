import Channel
import Findings

/// LBL-MISMATCH: a label that no attached channel has, or a ring that its channel doesn't have.
enum LabelProbe: DoctorProbe {
    static func findings(_ facts: DoctorFacts) -> [Finding] {
        let configuration = facts.planner.configuration
        let labels = configuration.channels.map(\.label)
        var wanted = [("user_channel", configuration.userChannel), ("kernel_channel", configuration.kernelChannel)]
        wanted += configuration.channels.map { ("ring_channel", $0.ringChannel) }
        return channels(wanted, labels, facts) + configuration.channels.compactMap { ring($0, facts) }
    }

    private static func ring(_ source: Configuration.Source, _ facts: DoctorFacts) -> Finding? {
        let holder = source.ringChannel ?? source.label
        guard let ring = source.ring, let known = facts.planner.catalogues[holder]?.rings, !known.contains(ring)
        else { return nil }
        let near = NearestName.of(ring, in: known)
        let file = facts.paths.configuration
        let remedy =
            (near ?? known.first).map { "Set ring: \($0) for channel \(source.label) in \(file)" }
            ?? "Take ring: \(ring) out of \(file), or make the ring: tsugite channel ring"
        return Finding(
            .labelMismatch, "channel \(source.label) follows the ring \(ring), which \(holder) doesn't have",
            evidence: [
                "key": "ring", "label": ring, "rings": known.isEmpty ? "none" : known.joined(separator: ", "),
                "nearest": near ?? "none",
            ], remedy: remedy)
    }

    private static func channels(_ wanted: [(String, String?)], _ labels: [String], _ facts: DoctorFacts)
        -> [Finding]
    {
        wanted.compactMap { key, label in
            guard let label, !labels.contains(label), !labels.isEmpty else { return nil }
            let near = NearestName.of(label, in: labels)
            return Finding(
                .labelMismatch, "\(key) names the channel \(label), which isn't attached",
                evidence: [
                    "key": key, "label": label, "attached": labels.joined(separator: ", "),
                    "nearest": near ?? "none",
                ],
                remedy: "Set \(key): \(near ?? labels[0]) in \(facts.paths.configuration)")
        }
    }
}
