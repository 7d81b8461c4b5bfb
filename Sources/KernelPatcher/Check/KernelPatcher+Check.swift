import ELF
public import Findings
import KernelImage
import Linux
import LivePatch

extension KernelPatcher {
    /// What stands against applying a patch to the running kernel now; nothing is changed.
    public func check(_ file: KernelPatchFile, _ options: Options = Options()) throws(KernelPatcherError)
        -> [Finding]
    {
        try check(file, try patches(), options).findings
    }

    func check(_ file: KernelPatchFile, _ loaded: [LoadedPatch], _ options: Options) throws(KernelPatcherError) -> (
        proof: LiveProof.Result?, findings: [Finding]
    ) {
        let patch = file.patch
        var findings = abilities(file)
        guard findings.isEmpty else { return (nil, findings) }
        let running = try image { () throws(KernelImageError) in try RunningKernel() }
        guard running.buildID == patch.buildID else { return (nil, [Self.other(running, patch)]) }
        if let busy = loaded.first(where: \.isInTransition) {
            findings.append(
                Finding(
                    .kernelBusy, "\(busy.name) is in the middle of its transition", evidence: ["patch": busy.module]
                ))
        }
        if !options.allowsReplace { findings += Self.takenOut(by: patch, loaded) }
        findings += conflicts(patch)
        let proof = try prove(patch)
        findings += proof.findings
        findings += try modules(patch)
        return (proof, findings)
    }

    private func prove(_ patch: KernelPatch) throws(KernelPatcherError) -> LiveProof.Result {
        try image { () throws(KernelImageError) in
            let memory = try KernelMemory()
            let selection = LiveSymbols.Selection(
                names: Set(patch.targets.flatMap { $0.functions.map(\.name) }),
                modules: Set(patch.targets.map(\.name)))
            let proof = LiveProof(symbols: try RunningKernel.symbols(selection)) {
                (address, count) throws(KernelImageError) in
                try memory.contents(at: address, count: count)
            }
            return try proof.check(patch)
        }
    }

    /// Whether this kernel can be live patched, and a module like this one be loaded.
    private func abilities(_ file: KernelPatchFile) -> [Finding] {
        guard folder.isThere else {
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
        return Self.protection(KernelHealth(), file.patch, isSigned: file.isSigned)
    }

    /// What Secure Boot and lockdown forbid.
    static func protection(_ health: KernelHealth, _ patch: KernelPatch, isSigned: Bool) -> [Finding] {
        if health.lockdown == "confidentiality" {
            return [
                Finding(
                    .kernelUnable, "the kernel shows nobody its memory, so its code can't be proven",
                    evidence: ["lockdown": health.lockdown], remedy: "Boot with lockdown=integrity instead.")
            ]
        }
        guard health.needsSignature, !isSigned else { return [] }
        return [
            Finding(
                .kernelUnsigned, "this kernel loads signed modules only, and \(patch.name) isn't signed",
                evidence: ["lockdown": health.lockdown, "module": patch.module])
        ]
    }

    private static func other(_ running: RunningKernel, _ patch: KernelPatch) -> Finding {
        Finding(
            .kernelOther, "\(patch.name) is for another kernel",
            evidence: [
                "patch for": "\(patch.release) \(patch.buildID)",
                "running": "\(running.release) \(running.buildID)",
            ])
    }

    /// A replacing patch takes all others out; that must not undo a fix unnoticed.
    static func takenOut(by patch: KernelPatch, _ loaded: [LoadedPatch]) -> [Finding] {
        guard patch.replaces else {
            let mine = Set(patch.functionNames)
            return loaded.filter { $0.isEnabled && $0.description == nil }.compactMap { other in
                let shared = mine.intersection(other.functions.map { "\($0.object):\($0.name)" })
                guard let first = shared.min() else { return nil }
                return conflict(first, other)
            }
        }
        return loaded.filter(\.isEnabled).compactMap { other in
            guard let description = other.description else { return conflict(nil, other) }
            let missing = description.changes.filter { !patch.changes.contains($0) }
            guard !missing.isEmpty, other.module != patch.module else { return nil }
            return Finding(
                .kernelConflict, "\(patch.name) would take out \(other.name), whose fixes it doesn't have",
                evidence: [
                    "applied": other.module,
                    "fixes not included": missing.map { String($0.description.prefix(12)) }.joined(separator: ", "),
                ],
                remedy: "Build one patch with both diffs (--patch A.diff B.diff), or consent with --replace.")
        }
    }

    private static func conflict(_ function: String?, _ other: LoadedPatch) -> Finding {
        Finding(
            .kernelConflict,
            function.map { "\($0) is live patched by \(other.module), which isn't ours" }
                ?? "\(other.module), which isn't ours, would be taken out",
            evidence: ["live patch": other.module],
            remedy: "Undo it with the tool that applied it, or consent with --replace.")
    }

    private func conflicts(_ patch: KernelPatch) -> [Finding] {
        func text(_ paths: [String]) -> String {
            paths.lazy.compactMap { try? SmallFile.text($0, limit: 16 << 20) }.first ?? ""
        }
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
