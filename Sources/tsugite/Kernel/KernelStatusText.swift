import KernelPatcher

extension KernelStatus {
    /// The text form; `nil` if there is nothing but a kernel without live patches.
    func text(isAsked: Bool, kept: KernelPlan) -> String? {
        guard isAsked || !patches.isEmpty || !findings.isEmpty || !kept.patches.isEmpty else { return nil }
        let pad = OperationRendering.pad
        var lines = ["kernel \(release)" + (effective.map { $0 == release ? "" : ", effective \($0)" } ?? "")]
        for patch in patches {
            var line = pad("kernel", 8) + pad(patch.isOurs ? "" : "(not ours)", 17) + pad(patch.state, 12)
            line += pad(patch.name, 24) + pad(patch.changes.first.map { String($0.prefix(12)) } ?? "", 14)
            lines.append(line + patch.functions.joined(separator: ", "))
        }
        if patches.isEmpty { lines.append("the kernel carries no live patch") }
        if let transition {
            lines.append("waiting for \(transition.left) of \(transition.left + transition.moved) tasks")
            lines += transition.remaining.prefix(8).map { "    \($0.summary)" }
        }
        for planned in kept.patches {
            let isApplied = patches.contains { $0.module == planned.module }
            if kept.trust == .suspended {
                lines.append("\(planned.name) is kept, but suspended: \(kept.reason)")
            } else if !isApplied {
                lines.append("\(planned.name) is kept for \(planned.release), and not applied")
            }
        }
        if isAsked {
            if !isPatchable { lines.append("this kernel has no live patching (CONFIG_LIVEPATCH)") }
            if health.lockdown != "none" { lines.append("lockdown: \(health.lockdown)") }
            if !health.taint.isEmpty { lines.append("tainted: \(health.taint.joined(separator: "; "))") }
        }
        lines += findings.map { "\($0)" }
        return lines.joined(separator: "\n")
    }
}
