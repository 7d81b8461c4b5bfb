import Findings
import FoundationEssentials
import Linux

/// The client's files: each is replaced whole, so that a power cut leaves the old one or the new one.
public struct StateStore: Sendable {
    /// Where.
    public let paths: Paths

    /// Uses the files below a root.
    public init(_ paths: Paths) { self.paths = paths }

    /// Reads a file; nil if there is none.
    /// - Throws: `CLI-STATE` if it is there and can't be understood.
    public func read<Value: Decodable>(_: Value.Type, _ path: String) throws(ClientError) -> Value? {
        guard FileFacts.exists(path) else { return nil }
        let bytes = try asClient { () throws(SystemError) in try FileSystem.read(path, limit: 256 << 20) }
        do {
            return try JSONDecoder().decode(Value.self, from: Data(bytes))
        } catch {
            throw ClientError(
                .clientState, "\(path) isn't what this version writes", ["file": path, "error": "\(error)"])
        }
    }

    /// Writes a file, and the folder above it.
    public func write(_ value: some Encodable, to path: String, mode: UInt32 = 0o644) throws(ClientError) {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
        guard let data = try? encoder.encode(value) else {
            throw ClientError(.clientState, "\(path) can't be written as JSON", ["file": path])
        }
        try asClient { () throws(SystemError) in
            try FileSystem.makeDirectory(FileSystem.parent(of: path))
            try FileSystem.replace(path, with: Array(data) + [0x0A], mode: mode)
        }
    }

    /// Removes a file; one that isn't there is fine.
    public func remove(_ path: String) throws(ClientError) {
        guard FileFacts.exists(path) else { return }
        try asClient { () throws(SystemError) in
            try FileSystem.remove(path)
            try OwnedDescriptor.open(FileSystem.parent(of: path), [.readOnly, .directory]).synchronise(name: path)
        }
    }

    /// What was decided and done on this machine.
    public func state() throws(ClientError) -> ClientState {
        try read(ClientState.self, paths.record) ?? ClientState()
    }

    /// One of the four plans; nil before the first action.
    public func plan(_ purpose: Plan.Purpose) throws(ClientError) -> Plan? {
        try read(Plan.self, "\(paths.plans)/\(purpose.rawValue).json")
    }

    /// Stores one of the four plans.
    public func write(_ plan: Plan) throws(ClientError) {
        try write(plan, to: "\(paths.plans)/\(plan.purpose.rawValue).json")
    }
}

/// What is being done right now; if it is still there later, it wasn't finished.
public struct ActionJournal: Sendable, Equatable, Codable {
    /// The boot in which it began.
    public var bootID: String
    /// Who does it.
    public var process: Int32
    /// Seconds since 1970.
    public var began: Int64
    /// What.
    public var plan: Plan
}

/// One action of the past.
public struct HistoryEntry: Sendable, Equatable, Codable {
    /// Names this form.
    public var schema = "tsugite.history/1"
    /// Seconds since 1970.
    public var time: Int64
    /// The verb.
    public var verb: String
    /// How it ended.
    public var outcome: String
    /// The updates, `+id` or `-id`.
    public var updates: [String]
    /// Codes of findings.
    public var codes: [String] = []
}

extension StateStore {
    /// Adds a line; the file is never rewritten, so a power cut costs at most the last line.
    public func remember(_ entry: HistoryEntry) throws(ClientError) {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        guard let data = try? encoder.encode(entry) else { return }
        let path = paths.history
        try asClient { () throws(SystemError) in
            try FileSystem.makeDirectory(paths.state)
            let file = try OwnedDescriptor.open(path, [.writeOnly, .create, .append], mode: 0o644)
            try file.writeAll(Array(data) + [0x0A], name: path)
            try file.synchronise(name: path)
        }
    }

    /// All actions that can be read, oldest first.
    public func history() throws(ClientError) -> [HistoryEntry] {
        guard FileFacts.exists(paths.history) else { return [] }
        let bytes = try asClient { () throws(SystemError) in try FileSystem.read(paths.history, limit: 64 << 20) }
        return bytes.split(separator: 0x0A).compactMap {
            try? JSONDecoder().decode(HistoryEntry.self, from: Data($0))
        }
    }
}
