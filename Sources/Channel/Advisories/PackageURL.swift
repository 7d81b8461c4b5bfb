/// Names of Debian packages as other tools write them (github.com/package-url/purl-spec).
enum PackageURL {
    /// `pkg:deb/debian/libssl3@3.0.15-1~deb12u1`.
    static func debian(_ package: String, _ version: String?) -> String {
        "pkg:deb/debian/\(encoded(package))" + (version.map { "@\(encoded($0))" } ?? "")
    }

    private static func encoded(_ text: String) -> String {
        text.utf8.map { byte in
            let isPlain =
                (48...57).contains(byte) || (65...90).contains(byte) || (97...122).contains(byte)
                || [45, 46, 95, 126].contains(byte)
            if isPlain { return String(decoding: [byte], as: UTF8.self) }
            let hex = String(byte, radix: 16, uppercase: true)
            return "%" + (hex.count == 1 ? "0" + hex : hex)
        }.joined()
    }
}
