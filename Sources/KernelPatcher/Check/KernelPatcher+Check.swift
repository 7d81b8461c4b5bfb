import ELF
public import Findings
import KernelImage
import Linux
public import LivePatch

extension KernelPatcher {
    /// What stands against applying a patch to the running kernel now; nothing is changed.
    public func check(_ patch: KernelPatch) throws(KernelPatcherError) -> (
        proof: LiveProof.Result?, findings: [Finding]
    ) {
        var findings = try abilities()
        guard findings.isEmpty else { return (nil, findings) }
        let running = try image { () throws(KernelImageError) in try RunningKernel() }
        guard running.buildID == patch.buildID else {
            return (nil, [Self.other(running, patch)])
        }
        if let busy = try patches().first(where: \.isInTransition) {
            findings.append(
                Finding(
                    .kernelBusy, "\(busy.module) is in the middle of its transition",
                    evidence: ["patch": busy.module]))
        }
        findings += conflicts(patch)
        let proof = try image { () throws(KernelImageError) in
            let memory = try KernelMemory()
            let proof = LiveProof(symbols: try RunningKernel.symbols()) {
                (address, count) throws(KernelImageError) in
                try memory.contents(at: address, count: count)
            }
            return try proof.check(patch)
        }
        findings += proof.findings
        findings += try modules(patch)
        return (proof, findings)
    }

    /// Whether this kernel can be live patched, and modules be loaded.
    private func abilities() throws(KernelPatcherError) -> [Finding] {
        guard FileFacts.exists("/sys/kernel/livepatch") else {
            return [
                Finding(
                    .kernelUnable, "the running kernel has no live patching",
                    evidence: ["missing": "CONFIG_LIVEPATCH"])
            ]
        }
        if (try? SmallFile.text("/proc/sys/kernel/modules_disabled")) == "1" {
            return [
                Finding(
                    .kernelUnable, "loading of modules is switched off until the next boot",
                    evidence: ["kernel.modules_disabled": "1"])
            ]
        }
        if (try? SmallFile.text("/proc/sys/kernel/ftrace_enabled")) == "0" {
            return [
                Finding(
                    .kernelUnable, "tracing of functions is switched off, by which functions are redirected",
                    evidence: ["kernel.ftrace_enabled": "0"], remedy: "sysctl kernel.ftrace_enabled=1")
            ]
        }
        return []
    }

    private static func other(_ running: RunningKernel, _ patch: KernelPatch) -> Finding {
        Finding(
            .kernelOther, "\(patch.name) is for another kernel",
            evidence: [
                "patch for": "\(patch.release) \(patch.buildID)",
                "running": "\(running.release) \(running.buildID)",
            ])
    }

    private func conflicts(_ patch: KernelPatch) -> [Finding] {
        func text(_ paths: [String]) -> String { paths.lazy.compactMap { try? SmallFile.text($0) }.first ?? "" }
        let found = Conflicts(
            enabledFunctions: text([
                "/sys/kernel/tracing/enabled_functions", "/sys/kernel/debug/tracing/enabled_functions",
            ]), probes: text(["/sys/kernel/debug/kprobes/list"]))
        return patch.targets.flatMap(\.functions).compactMap { function in
            found.owner(of: function).map { owner in
                Finding(
                    .kernelConflict, "\(function.name) is changed by someone else",
                    evidence: ["function": function.name, "by": owner])
            }
        }
    }

    /// Loaded modules must be the very ones that the patch was made for.
    private func modules(_ patch: KernelPatch) throws(KernelPatcherError) -> [Finding] {
        var findings: [Finding] = []
        for target in patch.targets where target.name != "vmlinux" && FileFacts.exists("/sys/module/\(target.name)")
        {
            let running = try image { () throws(KernelImageError) in
                try RunningKernel.buildID(ofModule: target.name)
            }
            guard running != target.buildID else { continue }
            findings.append(
                Finding(
                    .kernelOther, "the module \(target.name) isn't the one that the patch was made for",
                    evidence: [
                        "module": target.name, "patch for": target.buildID?.description ?? "none",
                        "running": running?.description ?? "none",
                    ]))
        }
        return findings
    }
}
