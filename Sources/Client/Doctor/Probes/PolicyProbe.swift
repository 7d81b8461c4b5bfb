import Findings

/// AUTO-OFF and the kill switches: what policy keeps from happening.
enum PolicyProbe: DoctorProbe {
    static func findings(_ facts: DoctorFacts) -> [Finding] {
        var found: [Finding] = []
        let steps = facts.planner.upgrade().steps
        if !steps.isEmpty, !facts.planner.configuration.autoinstall {
            found.append(
                Finding(
                    .autoOff, "\(steps.count) updates are available, and nothing installs them by itself",
                    evidence: ["updates": steps.map(\.update.id).joined(separator: ", "), "autoinstall": "no"]))
        }
        if let killSwitch = facts.killSwitch {
            found.append(Finding(.clientDisabled, "\(killSwitch) is set", evidence: ["switch": killSwitch]))
        }
        return found
    }
}
