/// Carries out a ``FetchRequest``: refresh, list, download, each channel for itself.
///
/// Below `folder` each channel has `LABEL/metadata` and `LABEL/files`.
public struct FetchRun {
    private let folder: String
    private let fetcher: (String) throws(ChannelError) -> any Fetcher
    private let time: UTCTime

    /// Prepares a run.
    /// - Parameter fetcher: what brings bytes from an address.
    public init(
        folder: String, at time: UTCTime = .now(),
        fetcher: @escaping (String) throws(ChannelError) -> any Fetcher
    ) {
        self.folder = folder
        self.fetcher = fetcher
        self.time = time
    }

    /// One channel; its failure is part of the answer.
    public func answer(_ channel: FetchRequest.Channel) -> FetchAnswer {
        var answer = FetchAnswer(label: channel.label)
        do throws(ChannelError) {
            guard let name = Family(.zone, channel.label)?.name else {
                throw ChannelError(.malformed, channel.label, "a label is letters, digits and .+-_~:")
            }
            try follow(channel, below: "\(folder)/\(name)", &answer)
        } catch {
            answer.failure = error
        }
        return answer
    }

    private func follow(
        _ channel: FetchRequest.Channel, below place: String, _ answer: inout FetchAnswer
    ) throws(ChannelError) {
        let store = MetadataStore(folder: "\(place)/metadata")
        if try store.load(Root.type, limit: UpdaterSettings().rootLimit) == nil {
            try Updater.initialise(store, rootFile: channel.trustedRoot)
        }
        let base = channel.address.hasSuffix("/") ? String(channel.address.dropLast()) : channel.address
        let updater = try Updater(
            store: store, metadataAddress: "\(base)/metadata", targetsAddress: "\(base)/targets",
            fetcher: try fetcher(base), at: time)
        // With nothing new this one request is all; files that are wanted were listed by the same metadata.
        let stored = try updater.storedTimestampVersion()
        var isCurrent = !channel.isWhole && channel.known > 0 && stored == channel.known
        if isCurrent, try updater.hasNews() { isCurrent = false }
        if isCurrent, channel.wanted.isEmpty { return }
        if !isCurrent { answer.catalogue = try updater.catalogue() }
        for path in channel.wanted {
            guard let target = try updater.target(path) else {
                throw ChannelError(.noTarget, path, "the channel doesn't list it any more")
            }
            answer.files[key: path] = try updater.download(target, into: "\(place)/files")
        }
    }
}

extension Updater {
    /// The version of the timestamp that was verified last; nil before the first refresh.
    func storedTimestampVersion() throws(ChannelError) -> Int? {
        guard let bytes = try store.load(Timestamp.type, limit: settings.timestampLimit) else { return nil }
        return try Timestamp(Envelope(parsing: bytes, subject: Timestamp.type).signed, subject: Timestamp.type)
            .header.version
    }
}
