/// An update that was added to a channel and waits for the next publication.
public struct StagedUpdate: Sendable, Equatable {
    /// What the channel will say about it.
    public var description: UpdateDescription
    /// The line of updates that it belongs to.
    public var family: Family
    /// The builds that it is for, by GNU build-id; each gets a target path of its own.
    public var buildIDs: [String]
    /// The name of its file.
    public var name: String

    /// Describes an update.
    public init(_ description: UpdateDescription, family: Family, buildIDs: [String], name: String) {
        self.description = description
        self.family = family
        self.buildIDs = buildIDs
        self.name = name
    }

    /// Reads the object that ``json`` writes.
    public init(_ json: JSON, subject: String) throws(ChannelError) {
        guard let object = json.object else { throw ChannelError(.malformed, subject, "no JSON object") }
        let reader = ObjectReader(object, subject: subject)
        guard let family = Family(try reader.string("family")) else {
            throw reader.failure("\"family\" isn't kernel/RELEASE, user/PACKAGE or zone/BASE")
        }
        guard let description = UpdateDescription(custom: ["tsugite": json]) else {
            throw reader.failure("\"id\" or \"effective-version\" is missing")
        }
        self.init(
            description, family: family, buildIDs: try reader.strings("build-ids"), name: try reader.string("name"))
    }

    /// Reads many, one object per line, each with a member `file` besides; a `name` is the file's if missing.
    public static func batch(
        _ bytes: [UInt8], subject: String
    ) throws(ChannelError) -> [(update: StagedUpdate, file: String)] {
        var all: [(StagedUpdate, String)] = []
        for (number, line) in bytes.split(separator: UInt8(ascii: "\n")).enumerated() {
            let place = "\(subject), entry \(number + 1)"
            guard var object = try JSON.parse(Array(line), subject: place).object,
                let file = object[key: "file"]?.string
            else { throw ChannelError(.malformed, place, "no object with a member \"file\"") }
            if object[key: "name"] == nil {
                object[key: "name"] = .string(String(file.split(separator: "/").last ?? ""))
            }
            all.append((try StagedUpdate(.object(object), subject: place), file))
        }
        return all
    }

    /// The members of the description, and `family`, `build-ids` and `name`.
    public var json: JSON {
        var object = description.custom["tsugite"]?.object ?? [:]
        object[key: "family"] = .string(family.path)
        object[key: "build-ids"] = .array(buildIDs.map { .string($0) })
        object[key: "name"] = .string(name)
        return .object(object)
    }

    /// Refuses what couldn't be published later.
    public func check() throws(ChannelError) {
        func refuse(_ subject: String, _ what: String, _ remedy: String) -> ChannelError {
            ChannelError(.file, subject, what, remedy: remedy)
        }
        let id = description.id
        guard Self.isName(id) else {
            throw refuse(
                id, "not an id: it has no blanks and no /, and begins with no dot or dash", "Give another --id.")
        }
        guard !description.effectiveVersion.allSatisfy(\.isWhitespace) else {
            throw refuse(id, "it must say the version whose fixes it brings", "Give --effective-version.")
        }
        if let provenance = description.provenance, !Self.isDigest(provenance) {
            throw refuse(provenance, "not the digest of a provenance statement", "Give --provenance sha256:HEX.")
        }
        guard !buildIDs.isEmpty else {
            throw refuse(id, "it must name the builds that it is for", "Give --build-id, as readelf -n prints it.")
        }
        for build in buildIDs where !Self.isBuildID(build) {
            throw refuse(build, "a build-id is hexadecimal", "Give --build-id, as readelf -n prints it.")
        }
        guard RepositoryLayout.isServable("x/\(name)"), !name.contains("/") else {
            throw refuse(name, "not a file name that web servers can serve", "Rename the file, and add it again.")
        }
    }

    /// Whether a text is a GNU build-id: hexadecimal digits.
    public static func isBuildID(_ text: String) -> Bool {
        !text.isEmpty && text.utf8.allSatisfy { Hex.value(of: $0) != nil }
    }

    private static func isName(_ id: String) -> Bool {
        RepositoryLayout.isServable(id) && !id.contains("/") && !id.hasPrefix("-")
            && !id.contains(where: \.isWhitespace)
    }

    private static func isDigest(_ text: String) -> Bool {
        text.hasPrefix("sha256:") && Hex.decode(String(text.dropFirst(7)))?.count == 32
    }
}

// Each staged update is two files: `KEY.file` and, written last, `KEY.json`. A file without its description is
// the leaving of an addition that died; it is ignored, and overwritten by the next of its key.
extension Repository {
    /// Adds an update to what the next publication will publish.
    ///
    /// An update of the same id and family that waits already is replaced.
    public func stage(_ update: StagedUpdate, file: String) throws(ChannelError) {
        try check([(update, file)])
        try Files.makeFolder(layout.staged)
        let lock = try FolderLock(folder: layout.staged)
        defer { withExtendedLifetime(lock) {} }
        try stageLocked(update, file: file, isDurable: true)
    }

    /// The same for many at once, with one wait for the disk.
    public func stage(_ updates: [(update: StagedUpdate, file: String)]) throws(ChannelError) {
        try check(updates)
        try Files.makeFolder(layout.staged)
        let lock = try FolderLock(folder: layout.staged)
        defer { withExtendedLifetime(lock) {} }
        for item in updates { try stageLocked(item.update, file: item.file, isDurable: false) }
        try Files.synchroniseAll(under: layout.staged)
    }

    /// Refuses now what the publication would refuse: there the people who added it may be gone.
    private func check(_ updates: [(update: StagedUpdate, file: String)]) throws(ChannelError) {
        for (update, file) in updates {
            try update.check()
            guard Files.length(file) != nil else {
                throw ChannelError(.file, file, "no such file", remedy: "Check the path of the update's file.")
            }
        }
        guard Files.length(layout.file(Root.type, 1)) != nil else {
            throw ChannelError(
                .file, layout.folder, "there is no channel in this folder",
                remedy: "Check the folder, or make the channel: tsugite channel init \(layout.folder).")
        }
        let draft = try draft(of: try load(), keys: KeyRing(), time: .now())
        for update in updates.map(\.update) {
            for build in update.buildIDs {
                try draft.check(update.description, family: update.family, buildID: build, name: update.name)
            }
        }
    }

    private func stageLocked(_ update: StagedUpdate, file: String, isDurable: Bool) throws(ChannelError) {
        let key = PercentEncoding.encode("\(update.family.path)/\(update.description.id)")
        let place = "\(layout.staged)/\(key)"
        let copy = try TemporaryFile(beside: "\(place).file")
        try Files.forEachPiece(of: file) { piece throws(ChannelError) in try copy.append(piece) }
        try copy.take(name: "\(place).file", isDurable: isDurable)
        let description = try TemporaryFile(beside: "\(place).json")
        try description.append(update.json.compactBytes)
        try description.take(name: "\(place).json", isDurable: isDurable)
    }

    /// All updates that wait, with the files that hold them, by key.
    public func staged() throws(ChannelError) -> [(update: StagedUpdate, file: String)] {
        var all: [(StagedUpdate, String)] = []
        for name in try Files.names(in: layout.staged) where name.hasSuffix(".json") && !name.hasPrefix(".") {
            let path = "\(layout.staged)/\(name)"
            let json = try JSON.parse(try required(path), subject: path)
            all.append((try StagedUpdate(json, subject: path), path.dropLast(5) + ".file"))
        }
        return all
    }

    /// Publishes everything that waits.
    ///
    /// What was published leaves the waiting room afterwards; if we die before that, the next publication
    /// finds that nothing changes by it.
    /// - Returns: `nil` if nothing waits and nothing is near its expiry; and the ids that were published.
    public func publishStaged(
        keys: KeyRing, at time: UTCTime = .now()
    ) throws(ChannelError) -> (publication: Publication?, ids: [String]) {
        try Files.makeFolder(layout.staged)
        let lock = try FolderLock(folder: layout.staged)
        defer { withExtendedLifetime(lock) {} }
        let waiting = try staged()
        let publication = try publish(keys: keys, at: time) { draft throws(ChannelError) in
            for (update, file) in waiting {
                for build in update.buildIDs {
                    try draft.add(
                        file: file, family: update.family, buildID: build, name: update.name, update.description,
                        mayLink: true)
                }
            }
        }
        for (_, file) in waiting {
            try Files.remove(file.dropLast(5) + ".json")
            try Files.remove(file)
        }
        return (publication, waiting.map(\.update.description.id))
    }
}
