/// How far one file, or a whole mirror, has come.
public enum SyncState: String, Sendable, CaseIterable {
    /// Known, and nothing done for it yet.
    case unsynced
    /// Wanted in this run.
    case queued
    /// On its way.
    case syncing
    /// Here, and verified.
    case synced
    /// Tried, and failed; the error is kept.
    case failed
}

/// What a run of a mirror would do, told before it does anything.
public struct MirrorForecast: Sendable, Equatable {
    /// Files that are missing here.
    public var missingFiles: Int
    /// Bytes to fetch; a content that several paths share counts once.
    public var bytesToFetch: Int
    /// Bytes that an unprivileged writer may still use on the mirror's file system.
    public var bytesFree: UInt64
    /// All bytes of the mirror when it is in step.
    public var bytesTotal: Int
    /// Bytes per day by which the mirror grew, measured over its earlier runs; `nil` before the second.
    public var growthPerDay: Int?

    /// Makes a forecast from its figures.
    public init(
        missingFiles: Int, bytesToFetch: Int, bytesFree: UInt64, bytesTotal: Int, growthPerDay: Int?
    ) {
        self.missingFiles = missingFiles
        self.bytesToFetch = bytesToFetch
        self.bytesFree = bytesFree
        self.bytesTotal = bytesTotal
        self.growthPerDay = growthPerDay
    }

    /// Bytes that stay free, for metadata and the file system itself.
    public static let reserve: UInt64 = 64 << 20

    /// Whether there is room, with the reserve.
    public var fits: Bool {
        bytesFree >= Self.reserve && UInt64(clamping: bytesToFetch) <= bytesFree - Self.reserve
    }

    /// Days until the file system is full at the measured growth; `nil` if it doesn't grow.
    public var daysUntilFull: Int? {
        guard let growthPerDay, growthPerDay > 0 else { return nil }
        return Int(clamping: (bytesFree - min(bytesFree, UInt64(clamping: bytesToFetch))) / UInt64(growthPerDay))
    }
}

/// What a mirror knows about its last run; stored beside it.
public struct MirrorStatus: Sendable, Equatable {
    /// The state of the whole.
    public var state: SyncState = .unsynced
    /// When the last run ended.
    public var time: UTCTime?
    /// The version of timestamp that is served.
    public var timestampVersion: Int = 0
    /// When what is served expires for clients.
    public var expires: UTCTime?
    /// Files that are here.
    public var files = 0
    /// Their bytes, paths that share a content counted once.
    public var bytes = 0
    /// What went wrong, by target path or role.
    public var errors: ByteMap<String> = [:]
    /// Bytes that the last run wanted to fetch and had no room for.
    public var bytesNeeded: Int?
    /// Where the last run fetched from.
    public var address: String?
    /// Total bytes after earlier runs, oldest first, for the forecast.
    public var history: [(time: UTCTime, bytes: Int)] = []

    /// The status of a mirror that never ran.
    public init() {}

    /// Equal if everything is.
    public static func == (left: Self, right: Self) -> Bool { left.json == right.json }

    init(_ json: JSON) {
        state = json["state"]?.string.flatMap(SyncState.init) ?? .unsynced
        time = json["time"]?.string.flatMap { UTCTime($0) }
        timestampVersion = json["timestamp-version"]?.integer.flatMap { Int(exactly: $0) } ?? 0
        expires = json["expires"]?.string.flatMap { UTCTime($0) }
        files = json["files"]?.integer.flatMap { Int(exactly: $0) } ?? 0
        bytes = json["bytes"]?.integer.flatMap { Int(exactly: $0) } ?? 0
        bytesNeeded = json["bytes-needed"]?.integer.flatMap { Int(exactly: $0) }
        address = json["address"]?.string
        for entry in json["errors"]?.object?.entries ?? [] { errors[key: entry.key] = entry.value.string }
        for element in json["history"]?.array ?? [] {
            guard let time = element["time"]?.string.flatMap({ UTCTime($0) }),
                let bytes = element["bytes"]?.integer.flatMap({ Int(exactly: $0) })
            else { continue }
            history.append((time, bytes))
        }
    }

    /// The status as it is stored and as `--json` prints it.
    public var json: JSON {
        var object: JSON.Object = [
            "schema": "tsugite-mirror-status-1", "state": .string(state.rawValue),
            "timestamp-version": .integer(Int64(timestampVersion)), "files": .integer(Int64(files)),
            "bytes": .integer(Int64(bytes)), "errors": .object(errors.mapValues { _, text in .string(text) }),
            "history": .array(
                history.map { ["time": .string($0.time.description), "bytes": .integer(Int64($0.bytes))] }),
        ]
        object[key: "bytes-needed"] = bytesNeeded.map { .integer(Int64($0)) }
        object[key: "address"] = address.map { .string($0) }
        object[key: "time"] = time.map { .string($0.description) }
        object[key: "expires"] = expires.map { .string($0.description) }
        return .object(object)
    }

    /// Bytes per day between the first and the last remembered run; nil before a day has passed, since an hour in which
    /// something was published says nothing about a week.
    public var growthPerDay: Int? {
        guard let first = history.first, let last = history.last,
            last.time >= first.time.adding(seconds: 86_400)
        else { return nil }
        let days = Double(last.time.seconds - first.time.seconds) / 86_400
        return Int(exactly: (Double(last.bytes - first.bytes) / days).rounded())
    }
}
