import Channel
import Findings

/// SRC-DETACHED: nowhere to get updates from.
enum SourceProbe: DoctorProbe {
    static func findings(_ facts: DoctorFacts) -> [Finding] {
        let channels = facts.planner.configuration.channels
        guard !channels.isEmpty else {
            if facts.planner.configuration.isOffline { return [] }
            return [
                Finding(.sourceDetached, "no channel is attached to this machine", evidence: ["channels": "none"])
            ]
        }
        // A channel that was never reached is told by the probes of trust and of mirrors.
        let known = facts.planner.catalogues
        guard !known.isEmpty, known.count == channels.count else { return [] }
        let families = known.values.flatMap(\.families)
        let concerns = families.contains { family in
            switch family.kind {
            case .kernel: true
            case .zone: true
            case .user:
                facts.disk.installed[family.name] != nil || runs(family, facts)
            }
        }
        guard !concerns else { return [] }
        return [
            Finding(
                .sourceDetached, "no attached channel cares for anything that is installed or runs here",
                evidence: [
                    "channels": channels.map(\.label).joined(separator: ", "),
                    "families": families.map(\.path).joined(separator: ", "),
                ])
        ]
    }

    private static func runs(_ family: Family, _ facts: DoctorFacts) -> Bool {
        facts.planner.catalogues.values.contains { catalogue in
            catalogue.entries.contains { $0.family == family && facts.planner.inventory.modules[$0.buildID] != nil }
        }
    }
}
