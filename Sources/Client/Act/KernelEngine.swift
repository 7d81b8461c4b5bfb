import Findings
public import KernelPatcher
import Linux
import LivePatch
import ProcessPatcher

/// The other way to bring code into a running system: live patches of the kernel itself.
public protocol KernelPatchEngine: Sendable {
    /// Names of the modules of live patches that are on.
    func loaded() throws(ClientError) -> Set<String>
    /// The module that a patch file is.
    func module(of file: String) throws(ClientError) -> String
    /// Puts a patch file into the kernel.
    func apply(_ file: String, wait: Duration) throws(ClientError) -> KernelReport
    /// Takes a live patch out, by its module.
    func undo(_ module: String, wait: Duration) throws(ClientError) -> KernelReport
}

/// Live patches of the running kernel.
public struct KernelEngine: KernelPatchEngine {
    /// Acts through ``KernelPatcher/KernelPatcher``.
    public init() {}

    /// As /sys/kernel/livepatch shows them.
    public func loaded() throws(ClientError) -> Set<String> {
        let all = try asClient { () throws(KernelPatcherError) in try KernelPatcher().patches() }
        return Set(all.filter(\.isEnabled).map(\.module))
    }

    /// Read from the file.
    public func module(of file: String) throws(ClientError) -> String { try read(file).patch.module }

    /// What it replaces comes out in the same transition.
    public func apply(_ file: String, wait: Duration) throws(ClientError) -> KernelReport {
        let patch = try read(file)
        return try asClient { () throws(KernelPatcherError) in
            let report = try KernelPatcher().apply(patch, KernelPatcher.Options(deadline: wait))
            try EffectiveFile.update()
            return report
        }
    }

    /// Everything that is needed is in the kernel.
    public func undo(_ module: String, wait: Duration) throws(ClientError) -> KernelReport {
        try asClient { () throws(KernelPatcherError) in
            let report = try KernelPatcher().undo(module, KernelPatcher.Options(deadline: wait))
            try EffectiveFile.update()
            return report
        }
    }

    private func read(_ path: String) throws(ClientError) -> KernelPatchFile {
        let bytes = try asClient { () throws(SystemError) in
            try FileSystem.read(path, limit: LivePatch.Limits.fileSize)
        }
        return try asClient { () throws(PatchFileError) in try KernelPatchFile(bytes) }
    }
}

extension OperationReport.Result {
    /// The same word.
    init(_ result: KernelReport.Result) {
        switch result {
        case .applied: self = .applied
        case .nothingToDo: self = .nothingToDo
        case .deferred: self = .deferred
        case .blocked: self = .blocked
        }
    }
}
