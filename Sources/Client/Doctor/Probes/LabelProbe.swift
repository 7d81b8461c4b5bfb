import Findings

/// LBL-MISMATCH: a label that no attached channel has.
enum LabelProbe: DoctorProbe {
    static func findings(_ facts: DoctorFacts) -> [Finding] {
        let configuration = facts.planner.configuration
        let labels = configuration.channels.map(\.label)
        var wanted = [("user_channel", configuration.userChannel), ("kernel_channel", configuration.kernelChannel)]
        wanted += configuration.channels.map { ("ring_channel", $0.ringChannel) }
        return wanted.compactMap { key, label in
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
