/// Records of the Open Source Vulnerability format (ossf.github.io/osv-schema).
public enum OSV {
    /// What a channel fixes live: one record for each update.
    /// - Parameters:
    ///   - label: names the channel in the records' ids.
    ///   - modified: for updates that don't say when they were published.
    public static func records(_ catalogue: Catalogue, label: String, modified: UTCTime) -> [JSON] {
        var records: [String: JSON] = [:]
        for entry in catalogue.entries where entry.family.kind == .user {
            let id = "TSUGITE-\(label)-\(entry.update.id)"
            records[id] = record(id, entry, modified)
        }
        return records.sorted { $0.key < $1.key }.map(\.value)
    }

    private static func record(_ id: String, _ entry: Catalogue.Entry, _ modified: UTCTime) -> JSON {
        let fixed = JSON.string(entry.update.effectiveVersion)
        return [
            "schema_version": "1.6.0", "id": .string(id),
            "modified": .string((entry.update.published ?? modified).description),
            "aliases": .array(entry.update.advisories.map { .string($0) }),
            "summary": .string(entry.update.summary),
            "affected": [
                [
                    "package": ["ecosystem": "Debian", "name": .string(entry.family.name)],
                    "ranges": [["type": "ECOSYSTEM", "events": [["introduced": "0"], ["fixed": fixed]]]],
                    "database_specific": [
                        "live_update": .string(entry.update.id),
                        "severity": .string(entry.update.severity.rawValue),
                    ],
                ]
            ],
        ]
    }
}
