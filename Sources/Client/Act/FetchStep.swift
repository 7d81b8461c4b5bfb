public import Channel
import Findings
import Linux

/// Runs the process without rights that follows channels, and reads its answers.
public struct FetchStep: Sendable {
    /// The program, `tsugite-channel`.
    public var program: String
    /// The client's files.
    public var store: StateStore
    /// The site's decisions.
    public var configuration: Configuration

    /// Prepares it.
    public init(program: String, store: StateStore, configuration: Configuration) {
        self.program = program
        self.store = store
        self.configuration = configuration
    }

    /// What came of following the channels.
    public struct Result: Sendable {
        /// What each offers, in short, by label; for a channel that failed, what was known before.
        public var offers: [String: Offer] = [:]
        /// Files that were brought, by target path.
        public var files: [String: String] = [:]
        /// What went wrong, by label.
        public var failures: [String: ChannelError] = [:]

        /// Nothing was asked.
        public init() {}
    }

    /// A catalogue in short.
    ///
    /// The whole may be megabytes, and a look whether there is news needs only this.
    public struct Offer: Sendable, Equatable {
        /// The timestamp's version: a higher one is newer.
        public var version: Int
        /// How many entries it has.
        public var entries: Int

        init(_ catalogue: Catalogue) {
            version = catalogue.version
            entries = catalogue.entries.count
        }

        init?(_ json: JSON?) {
            guard let version = json?["version"]?.integer, let entries = json?["entries"]?.integer, version >= 0,
                let number = Int(exactly: version), let count = Int(exactly: entries)
            else { return nil }
            (self.version, self.entries) = (number, count)
        }

        var json: JSON { ["version": .integer(Int64(version)), "entries": .integer(Int64(entries))] }
    }

    /// What is known without a network.
    public func known() throws(ClientError) -> [String: Catalogue] { try store.catalogues(configuration) }

    /// Follows all channels, and brings files.
    /// - Parameter wanted: target paths, by label.
    public func run(wanted: [String: [String]] = [:], isWhole: Bool = false) throws(ClientError) -> Result {
        var result = Result()
        result.offers = try store.offers(configuration)
        guard !configuration.channels.isEmpty else { return result }
        let request = FetchRequest(
            channels: configuration.channels.filter { wanted.isEmpty || wanted[$0.label] != nil }.map { source in
                FetchRequest.Channel(
                    label: source.label, address: source.url, trustedRoot: store.paths.root + source.trustedRoot,
                    known: result.offers[source.label]?.version ?? 0, isWhole: isWhole,
                    wanted: wanted[source.label] ?? [])
            }, proxy: configuration.proxy.flatMap { $0 == "none" ? nil : $0 }, authorities: configuration.caFile)
        for answer in try answers(to: request) { try take(answer, into: &result) }
        return result
    }

    private func answers(to request: FetchRequest) throws(ClientError) -> [FetchAnswer] {
        let command = Command(
            program, ["fetch", "--folder", store.paths.fetch], directory: "/", input: request.json.compactBytes,
            timeout: .seconds(3600))
        try asClient { () throws(SystemError) in try FileSystem.makeDirectory(store.paths.state) }
        let ended = try asClient { () throws(SystemError) in
            var command = command
            command.outputLimit = 512 << 20
            return try command.run()
        }
        guard ended.succeeded else {
            throw ClientError(
                .channelFile, "the fetching process failed: \(ended.errorText.prefix(2000))", ["program": program])
        }
        return try asClient { () throws(ChannelError) in
            var all: [FetchAnswer] = []
            for element in try JSON.parse(ended.output, subject: "fetch answer").array ?? [] {
                all.append(try FetchAnswer(element))
            }
            return all
        }
    }

    private func take(_ answer: FetchAnswer, into result: inout Result) throws(ClientError) {
        result.failures[answer.label] = answer.failure
        for file in answer.files.entries { result.files[file.key] = file.value }
        guard let catalogue = answer.catalogue else { return }
        // A process that was taken over could answer with an older one; the other rules it can't bend either.
        if let before = result.offers[answer.label], catalogue.version < before.version {
            result.failures[answer.label] = ChannelError(
                .rollback, answer.label, "version \(catalogue.version) after \(before.version)")
            return
        }
        let offer = Offer(catalogue)
        result.offers[answer.label] = offer
        // The short form last: if the power goes in between, the catalogue is asked for once more.
        try asClient { () throws(SystemError) in
            try FileSystem.makeDirectory(store.paths.catalogues)
            try FileSystem.replace(
                "\(store.paths.catalogues)/\(answer.label).json", with: catalogue.json.compactBytes)
            try FileSystem.replace(
                "\(store.paths.catalogues)/\(answer.label).offer", with: offer.json.compactBytes)
        }
    }
}

extension StateStore {
    /// What the attached channels offered when they were last reached, by label.
    func catalogues(_ configuration: Configuration) throws(ClientError) -> [String: Catalogue] {
        var found: [String: Catalogue] = [:]
        for source in configuration.channels { found[source.label] = try catalogue(source.label) }
        return found
    }

    /// The same in short; a catalogue without its short form is read whole.
    func offers(_ configuration: Configuration) throws(ClientError) -> [String: FetchStep.Offer] {
        var found: [String: FetchStep.Offer] = [:]
        for label in configuration.channels.map(\.label) {
            if let offer = offer(label) {
                found[label] = offer
            } else if let catalogue = try catalogue(label) {
                found[label] = FetchStep.Offer(catalogue)
            }
        }
        return found
    }

    /// What a channel offered; nil if it was never reached.
    private func catalogue(_ label: String) throws(ClientError) -> Catalogue? {
        let path = "\(paths.catalogues)/\(label).json"
        guard FileFacts.exists(path) else { return nil }
        return try asClient { () throws(ChannelError) in
            try Catalogue(JSON.parse(try MetadataFile.read(path, limit: 256 << 20), subject: path), subject: path)
        }
    }

    /// The short form, if there is one that makes sense beside the whole.
    private func offer(_ label: String) -> FetchStep.Offer? {
        let path = "\(paths.catalogues)/\(label)"
        guard FileFacts.exists(path + ".json"), let bytes = try? FileSystem.read(path + ".offer", limit: 4096)
        else { return nil }
        return FetchStep.Offer(try? JSON.parse(bytes, subject: path))
    }
}
