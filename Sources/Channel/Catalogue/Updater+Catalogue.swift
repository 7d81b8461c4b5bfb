extension Updater {
    /// Refreshes, loads every role, and lists all that the channel offers.
    public func catalogue() throws(ChannelError) -> Catalogue {
        let rings = try rings()
        let entries = try allTargets().compactMap { Catalogue.Entry($0, rings: rings) }
        let roles = trusted.targets.entries
        return Catalogue(
            version: trusted.timestamp?.header.version ?? 0,
            expires: trusted.timestamp?.header.expires ?? UTCTime(seconds: 0),
            entries: entries, withdrawals: roles.flatMap(\.value.withdrawals),
            families: roles.compactMap { Self.family(ofRole: $0.key) }, rings: rings.map(\.name))
    }

    static func family(ofRole role: String) -> Family? {
        guard let dot = role.firstIndex(of: "."), let kind = Family.Kind(rawValue: String(role[..<dot])) else {
            return nil
        }
        return Family(kind, String(role[role.index(after: dot)...]))
    }
}
