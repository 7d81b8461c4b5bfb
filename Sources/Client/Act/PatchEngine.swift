import ELF
public import Linux
import LivePatch
public import ProcessPatcher

/// One of the ways to bring code into a running system; the client decides what, an engine does it.
public protocol PatchEngine: Sendable {
    /// What is in effect: for each process the digests of its patches.
    func memory() throws(ClientError) -> [ProcessID: Set<String>]
    /// Puts patch files into processes.
    func apply(_ files: [String], to processes: [ProcessID], wait: Duration) throws(ClientError) -> OperationReport
    /// Takes a patch out of all processes that carry it.
    func undo(_ sha256: String, wait: Duration) throws(ClientError) -> OperationReport
}

/// Live patches in processes.
public struct ProcessEngine: PatchEngine {
    /// Acts through ``ProcessPatcher``.
    public init() {}

    /// Read back from the processes' own memory.
    public func memory() throws(ClientError) -> [ProcessID: Set<String>] {
        let report = try asClient { () throws(PatcherError) in try ProcessPatcher.status(.all) }
        var found: [ProcessID: Set<String>] = [:]
        for process in report.processes {
            found[ProcessID(process.pid)] = Set(process.patches.filter { $0.state == .applied }.map(\.id))
        }
        return found
    }

    /// All files in one step for each process; what they replace comes out in the same step.
    public func apply(
        _ files: [String], to processes: [ProcessID], wait: Duration
    ) throws(ClientError) -> OperationReport {
        var inputs: [PatchInput] = []
        for path in files {
            let storage = try asClient { () throws(FileError) in
                try ByteStorage(reading: path, limit: LivePatch.Limits.fileSize)
            }
            inputs.append(PatchInput(try asClient { () throws(PatchFileError) in try PatchFile(storage) }))
        }
        let options = ProcessPatcher.ApplyOptions(wait: wait, allowReplace: true)
        return try asClient { () throws(PatcherError) in
            try ProcessPatcher.apply(inputs, to: .processes(processes), options)
        }
    }

    /// Needs nothing but the processes.
    public func undo(_ sha256: String, wait: Duration) throws(ClientError) -> OperationReport {
        try asClient { () throws(PatcherError) in
            try ProcessPatcher.undo(PatchSelector(sha256), in: .all, wait: wait)
        }
    }
}
