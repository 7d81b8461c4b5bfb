import ELF
public import Findings
import FoundationEssentials
public import Linux
import LivePatch

/// A change that a busy process is still waiting for; documented as part of `tsugite.status/1`.
public struct DeferredRecord: Sendable, Equatable, Codable {
    /// The process.
    public var pid: Int32
    /// Its start in clock ticks since boot: with the number, it names it for good.
    public var startTime: UInt64
    /// Its command name.
    public var name: String
    /// The patch's name.
    public var patch: String
    /// SHA-256 of the patch file, hexadecimal.
    public var id: String
    /// When it was first deferred, in seconds since 1970.
    public var since: Int64
    /// How often it was stopped in vain.
    public var tries: Int
    /// Who was in the way.
    public var finding: Finding?
}

/// What is still to be done, remembered from one command to the next.
///
/// A folder below `/run`, which is empty after a boot, as the processes are new then, too: one file for each record
/// and one for each patch that a record needs. The records only say what to try; what a process carries stands in
/// the process.
public struct DeferredRecords: Sendable {
    /// Where the records are.
    public let folder: String

    /// The machine's own place.
    public static let place = "/run/tsugite"

    /// Uses a folder, which is made when something is to be remembered.
    public init(_ folder: String = DeferredRecords.place) { self.folder = folder }

    private var records: String { folder + "/deferred" }

    /// Where the file of a patch is kept.
    ///
    /// - Parameter id: SHA-256 of the file, hexadecimal.
    public func patchFile(_ id: String) -> String { "\(folder)/patches/\(id).tsp" }

    /// Remembers who was busy, and forgets who no longer is.
    ///
    /// - Parameters:
    ///   - report: what applying came to.
    ///   - patches: the patches that were applied, each with its file.
    public func note(_ report: OperationReport, _ patches: [(input: PatchInput, file: ByteStorage)])
        throws(SystemError)
    {
        guard report.operation == "apply" else { return }
        forget(report, patches.map(\.input))
        var reader = ProcReader()
        for outcome in report.processes where outcome.result == .deferred {
            guard let stat = try? reader.stat(of: ProcessID(outcome.pid)) else { continue }
            for (input, file) in patches { try remember(outcome, stat.startTime, input, file) }
        }
    }

    private func remember(
        _ outcome: ProcessOutcome, _ startTime: UInt64, _ input: PatchInput, _ file: ByteStorage
    ) throws(SystemError) {
        let id = input.digest.description
        if (try? FileFacts.of(patchFile(id))) == nil {
            try FileSystem.makeDirectory(folder + "/patches", mode: 0o700)
            try FileSystem.replace(patchFile(id), with: ByteView(file).bytes, mode: 0o600)
        }
        var record = DeferredRecord(
            pid: outcome.pid, startTime: startTime, name: outcome.name, patch: input.patch.name, id: id,
            since: Self.now(), tries: outcome.tries, finding: outcome.finding)
        if let old = read(path(outcome.pid, id)), old.startTime == startTime {
            record.since = old.since
            record.tries += old.tries
        }
        try write(record)
    }

    /// Forgets who no longer waits for patches, as a report says; mostly nobody ever has.
    func forget(_ report: OperationReport, _ patches: [PatchInput]) {
        guard FileFacts.exists(records) else { return }
        for outcome in report.processes where outcome.result != .deferred {
            for patch in patches { forget(outcome.pid, patch.digest.description) }
        }
    }

    /// Forgets what was remembered of a patch, because it is no longer wanted.
    public func forget(patch selector: PatchSelector) {
        for record in all() where selector.matches(name: record.patch, id: record.id) {
            forget(record.pid, record.id)
        }
    }

    /// Everything that is still to be done; records of processes that have gone are removed.
    public func all() -> [DeferredRecord] {
        guard let folder = try? Directory(records), let entries = try? folder.entries() else { return [] }
        var reader = ProcReader()
        var found: [DeferredRecord] = []
        for name in entries.map(\.name) where name.hasSuffix(".json") {
            guard let record = read(records + "/" + name) else { continue }
            if let stat = try? reader.stat(of: ProcessID(record.pid)), stat.startTime == record.startTime,
                !stat.isZombie
            {
                found.append(record)
            } else {
                try? FileSystem.remove(records + "/" + name)
            }
        }
        return found
    }

    private func path(_ pid: Int32, _ id: String) -> String { "\(records)/\(pid)-\(id.prefix(16)).json" }

    private func forget(_ pid: Int32, _ id: String) { try? FileSystem.remove(path(pid, id)) }

    private func read(_ path: String) -> DeferredRecord? {
        guard let bytes = try? FileSystem.read(path, limit: 1 << 20) else { return nil }
        return try? JSONDecoder().decode(DeferredRecord.self, from: Data(bytes))
    }

    private func write(_ record: DeferredRecord) throws(SystemError) {
        let encoder = JSONEncoder()
        encoder.outputFormatting = .sortedKeys
        // The record holds nothing that can't be written.
        guard let data = try? encoder.encode(record) else { return }
        try FileSystem.makeDirectory(records, mode: 0o700)
        try FileSystem.replace(path(record.pid, record.id), with: [UInt8](data), mode: 0o600)
    }

    private static func now() -> Int64 { Int64(Date().timeIntervalSince1970) }
}
