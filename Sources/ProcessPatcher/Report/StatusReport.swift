import ELF
import Linux
import LivePatch

/// What processes carry, read back from their own memory; documented as `tsugite.status/1`.
public struct StatusReport: Sendable, Equatable, Codable {
    /// One image of a patch.
    public struct Patch: Sendable, Equatable, Codable {
        /// What it is doing there.
        public enum State: String, Sendable, Codable {
            /// Its trampolines stand, and calls reach the new code.
            case applied
            /// An operation died half-way; the next command finishes it or takes it back.
            case unfinished
            /// Out of use; the memory is kept because the process may still hold addresses of it.
            case undone
            /// It says that it is applied, but something else stands at a site.
            case altered
        }

        /// The patch's name.
        public var name: String
        /// SHA-256 of the patch file, hexadecimal.
        public var id: String
        /// What it is doing there.
        public var state: State
        /// The binary that it changes, for people.
        public var target: String
        /// That binary's build-id.
        public var buildID: String
        /// The functions that it replaces.
        public var functions: [String]
        /// Digests of the diffs that it was made from.
        public var changes: [String]
        /// Where its memory starts, hexadecimal.
        public var address: String
        /// How much memory it takes, in bytes.
        public var bytes: UInt64
    }

    /// One process.
    public struct Process: Sendable, Equatable, Codable {
        /// Its number.
        public var pid: Int32
        /// Its command name.
        public var name: String
        /// What it carries.
        public var patches: [Patch]
        /// Mappings that look like ours but hold no header that makes sense, by address.
        public var damaged: [String]
    }

    /// Names this form of report.
    public var schema = "tsugite.status/1"
    /// Processes that carry something, by number.
    public var processes: [Process]
    /// Processes whose memory this user may not look at.
    public var unreadable: Int
    /// Changes that busy processes are still waiting for.
    public var deferred: [DeferredRecord] = []

    /// Whether anything is applied anywhere.
    public var isEmpty: Bool { processes.allSatisfy { $0.patches.allSatisfy { $0.state == .undone } } }
}

extension ProcessPatcher {
    /// Reads back what processes carry; nothing is stopped or changed.
    ///
    /// - Parameter records: where deferred changes are remembered.
    public static func status(
        _ selection: ProcessSelection, records: DeferredRecords = DeferredRecords()
    ) throws(PatcherError) -> StatusReport {
        var scan = ProcessScan()
        let processes: [ProcessID]
        switch selection {
        case .processes(let named): processes = named
        case .all, .controlGroup, .unit:
            var reader = ProcReader()
            processes = try scan.processesWithImages().filter { selection.contains($0, &reader) }
        }
        var found: [StatusReport.Process] = []
        for process in processes {
            do {
                let session = try ProcessSession(process)
                if session.installed.isEmpty && session.damaged.isEmpty { continue }
                found.append(
                    StatusReport.Process(
                        pid: process.rawValue, name: session.name,
                        patches: session.installed.map { StatusReport.Patch($0, session) },
                        damaged: session.damaged.map(\.description)))
            } catch {
                // A process that ended meanwhile carries nothing; one that was asked for by number is an error.
                if case .processes = selection { throw error }
            }
        }
        var reader = ProcReader()
        return StatusReport(
            processes: found, unreadable: scan.unreadable,
            deferred: records.all().filter { selection.contains(ProcessID($0.pid), &reader) })
    }
}

extension StatusReport.Patch {
    init(_ patch: InstalledPatch, _ session: ProcessSession) {
        name = patch.name
        id = patch.patch.description
        switch patch.state {
        case .prepared, .committing, .undoing: state = .unfinished
        case .undone: state = .undone
        case .committed:
            let stands = patch.functions.allSatisfy {
                (try? session.memory.bytes($0.site, $0.trampoline.count)) == $0.trampoline
            }
            state = stands ? .applied : .altered
        }
        target = patch.targetName
        buildID = patch.target.description
        functions = patch.functions.map(\.name)
        changes = patch.changes.map(\.description)
        address = patch.image.start.description
        bytes = patch.image.count
    }
}
