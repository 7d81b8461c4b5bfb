public import Channel

/// What the attached channels would do for a machine that isn't this one.
public enum OtherMachine {
    /// What is asked about.
    public enum Question: Sendable, Equatable {
        /// A package of a version.
        case package(name: String, version: String)
        /// A kernel by release, and by build-id if that is known.
        case kernel(release: String, buildID: String?)

        /// From the note that a crash dump carries: `OSRELEASE=` and `BUILD-ID=` lines.
        public init(crashNote text: String) {
            var values: [Substring: String] = [:]
            for line in text.split(separator: "\n") {
                guard let equals = line.firstIndex(of: "=") else { continue }
                values[line[..<equals]] = String(line[line.index(after: equals)...])
            }
            self = .kernel(release: values["OSRELEASE"] ?? "", buildID: values["BUILD-ID"])
        }

        var family: String {
            switch self {
            case .package(let name, _): "user/\(name)"
            case .kernel(let release, _): "kernel/\(release)"
            }
        }

        func isFixed(by entry: Catalogue.Entry) -> Bool {
            guard entry.family.path == family else { return false }
            switch self {
            case .package(_, let version):
                return DebianVersion.isOlder(version, than: entry.update.effectiveVersion)
            case .kernel(_, let buildID): return buildID == nil || buildID == entry.buildID
            }
        }
    }

    /// The answer.
    public struct Report: Sendable, Encodable {
        /// One update.
        public struct Update: Sendable, Encodable {
            var channel: String
            var id: String
            var effectiveVersion: String
            var advisories: [String]
            var summary: String
            var builds: [String]
        }
        var schema = "tsugite.inspect-machine/1"
        var family: String
        /// Whether any channel cares for it at all.
        var isKnown: Bool
        var updates: [Update]

        /// Asks all catalogues, by label.
        public init(_ question: Question, in catalogues: [String: Catalogue]) {
            family = question.family
            let family = question.family
            isKnown = catalogues.values.contains { $0.families.contains { $0.path == family } }
            var found: [String: Update] = [:]
            for (label, catalogue) in catalogues {
                for entry in catalogue.entries where question.isFixed(by: entry) {
                    let key = "\(label)/\(entry.update.id)"
                    var update =
                        found[key]
                        ?? Update(
                            channel: label, id: entry.update.id, effectiveVersion: entry.update.effectiveVersion,
                            advisories: entry.update.advisories, summary: entry.update.summary, builds: [])
                    update.builds.append(entry.buildID)
                    found[key] = update
                }
            }
            updates = found.values.sorted { $0.id < $1.id }
        }

        /// As people read it.
        public var text: String {
            if !isKnown { return "no attached channel cares for \(family)" }
            if updates.isEmpty { return "\(family): nothing is needed yet" }
            return updates.map { update in
                "[\(update.id)] \(update.advisories.joined(separator: ", "))  \(family) -> \(update.effectiveVersion)"
                    + "  (\(update.channel))\n    \(update.summary)"
            }.joined(separator: "\n")
        }
    }
}
