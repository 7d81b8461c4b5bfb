extension Repository {
    /// One thing that ``check(at:)`` found.
    public struct Defect: Sendable, Equatable {
        /// Whether clients are hurt, or will be.
        public enum Severity: String, Sendable {
            /// Clients refuse something now.
            case error
            /// Clients will, unless something is done in time.
            case warning
            /// Nobody is hurt; space may be wasted.
            case note
        }

        /// How bad it is.
        public let severity: Severity
        /// What is wrong with what.
        public let error: ChannelError
    }

    /// Checks every file, every signature and every expiry of the channel, as a client would.
    ///
    /// All defects are found in one go: one bad role or file doesn't hide the others.
    public func check(at time: UTCTime = .now()) throws(ChannelError) -> [Defect] {
        var defects: [Defect] = []
        func note(_ severity: Defect.Severity, _ error: ChannelError) {
            defects.append(Defect(severity: severity, error: error))
        }
        let state: State
        do {
            state = try load(noting: { note(.error, $0) })
        } catch {
            note(.error, error)
            return defects
        }
        checkExpiry(state, at: time, note)
        var used: ByteMap<Bool> = [:]
        for role in state.trusted.targets.values {
            for file in role.files.values { checkFile(file, &used, note) }
        }
        try noteOrphans(in: layout.targets, used, note)
        return defects
    }

    private func checkExpiry(
        _ state: State, at time: UTCTime, _ note: (Defect.Severity, ChannelError) -> Void
    ) {
        let settings = (try? settings()) ?? PublisherSettings()
        var headers = [(Root.type, state.trusted.root.header, settings.rootSeconds)]
        if let snapshot = state.snapshot {
            headers.append((Snapshot.type, snapshot.header, settings.snapshotSeconds))
        }
        if let timestamp = state.timestamp {
            headers.append((Timestamp.type, timestamp.header, settings.timestampSeconds))
        }
        headers += state.trusted.targets.entries.map { ($0.key, $0.value.header, settings.targetsSeconds) }
        for (role, header, period) in headers {
            let what = "version \(header.version) expires at \(header.expires)"
            if header.isExpired(at: time) {
                note(.error, ChannelError(.expired, role, what))
            } else if header.isExpired(at: time.adding(seconds: period / 4)) {
                note(.warning, ChannelError(.expired, role, what))
            }
        }
    }

    private func checkFile(
        _ file: TargetFile, _ used: inout ByteMap<Bool>, _ note: (Defect.Severity, ChannelError) -> Void
    ) {
        guard let digest = HashCheck.preferredDigest(in: file.hashes.digests) else { return }
        let path = layout.target(file.path, sha256: digest)
        used[key: path] = true
        do throws(ChannelError) {
            guard let length = Files.length(path) else { throw ChannelError(.notFound, path, "missing") }
            guard length == file.length else {
                throw ChannelError(.mismatch, path, "\(length) bytes instead of \(file.length)")
            }
            var check = try HashCheck(file.hashes, subject: path, clause: "5.7.3")
            try Files.forEachPiece(of: path) { piece throws(ChannelError) in check.update(piece) }
            guard check.matches() else { throw ChannelError(.mismatch, path, "damaged: the hash differs") }
        } catch {
            note(.error, error)
        }
    }

    private func noteOrphans(
        in folder: String, _ used: ByteMap<Bool>, _ note: (Defect.Severity, ChannelError) -> Void
    ) throws(ChannelError) {
        for name in try Files.names(in: folder) {
            let path = "\(folder)/\(name)"
            if Files.isFolder(path) {
                try noteOrphans(in: path, used, note)
            } else if used[key: path] == nil {
                note(.note, ChannelError(.file, path, "nothing refers to it any more"))
            }
        }
    }
}
