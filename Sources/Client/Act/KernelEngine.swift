public import Findings
public import KernelPatcher
import Linux
import LivePatch

/// The way into the running kernel: what the client needs of it.
public protocol KernelEngine: Sendable {
    /// Which version's fixes the running kernel has.
    func effective() throws(ClientError) -> EffectiveKernel
    /// Whether the patch of a file is in effect.
    func isInEffect(_ file: String) throws(ClientError) -> Bool
    /// Applies a patch file.
    /// - Parameter replaces: whether patches may be taken out whose fixes it doesn't have.
    func apply(_ file: String, replaces: Bool, wait: Duration) throws(ClientError) -> KernelReport
    /// Takes a patch out, and forgets it for the next boot; `sha256` is its file's.
    func undo(_ sha256: String, file: String, wait: Duration) throws(ClientError) -> KernelReport
    /// Has the next boot apply a patch file again, early.
    func keep(_ file: String) throws(ClientError)
    /// Lets a set that a boot died with be applied again.
    func resume() throws(ClientError)
    /// Errors in which a live patch had a part, a suspended set, a transition that doesn't end.
    func trouble() throws(ClientError) -> [Finding]
}

/// Live patches in the running kernel.
///
/// A patch that was applied by hand and one that came through a channel are one and the same: both are read back from
/// the kernel, and both are kept in the store from which the kernel's own replay takes them.
public struct LiveKernelEngine: KernelEngine {
    private let patcher = KernelPatcher()
    private let store: KernelStore

    /// Keeps what the next boot applies below a root.
    public init(_ paths: Paths = Paths()) { store = KernelStore("\(paths.state)/kernel") }

    /// Without live patches the booted one.
    public func effective() throws(ClientError) -> EffectiveKernel {
        try asClient { () throws(KernelPatcherError) in try EffectiveKernel.current(patcher) }
    }

    /// The kernel shows for each of our modules the description that was made with it.
    public func isInEffect(_ file: String) throws(ClientError) -> Bool {
        let patch = try open(file).patch
        let loaded = try asClient { () throws(KernelPatcherError) in try patcher.patches() }
        return loaded.contains { $0.isEnabled && !$0.isInTransition && $0.description == patch.withoutTargets }
    }

    /// Writes the file that tells other programs the effective version, too.
    public func apply(_ file: String, replaces: Bool, wait: Duration) throws(ClientError) -> KernelReport {
        let patch = try open(file)
        return try asClient { () throws(KernelPatcherError) in
            let report = try patcher.apply(
                patch, KernelPatcher.Options(deadline: wait, allowsReplace: replaces))
            try EffectiveFile.update(patcher)
            return report
        }
    }

    /// Which module it was, the store says; otherwise the file.
    public func undo(_ sha256: String, file: String, wait: Duration) throws(ClientError) -> KernelReport {
        let kept = try asClient { () throws(KernelPatcherError) in try store.plan() }
        let planned = kept.patches.first { $0.file == sha256 }
        let module: String
        if let planned { module = planned.module } else { module = try open(file).patch.module }
        return try asClient { () throws(KernelPatcherError) in
            let report = try patcher.undo(module, KernelPatcher.Options(deadline: wait))
            if report.result == .applied || report.result == .nothingToDo { try store.drop(module: module) }
            try EffectiveFile.update(patcher)
            return report
        }
    }

    /// By the kernel's own replay.
    public func keep(_ file: String) throws(ClientError) {
        let patch = try open(file)
        try asClient { () throws(KernelPatcherError) in try store.keep(patch, bootID: KernelReplay.bootID) }
    }

    /// By the kernel's own replay.
    public func resume() throws(ClientError) {
        try asClient { () throws(KernelPatcherError) in try store.resume() }
    }

    /// From the kernel's log of this boot, the store, and what tasks the kernel waits for.
    public func trouble() throws(ClientError) -> [Finding] {
        try asClient { () throws(KernelPatcherError) in
            let status = try patcher.status()
            return status.findings.filter { $0.code == .kernelOops }
                + [status.stall, try store.suspension()].compactMap { $0 }
        }
    }

    private func open(_ path: String) throws(ClientError) -> KernelPatchFile {
        let bytes = try asClient { () throws(SystemError) in
            try FileSystem.read(path, limit: LivePatch.Limits.fileSize)
        }
        return try asClient { () throws(PatchFileError) in try KernelPatchFile(bytes) }
    }
}
