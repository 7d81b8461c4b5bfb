/// A file in Debian's control format: paragraphs of fields, as in `.dsc` and `Sources` files.
///
/// Debian Policy, chapter 5; deb822(5). Field names are compared without regard to case; a signature around
/// the text is passed over, because apt has checked it.
struct ControlFile: Sendable, Equatable {
    /// One paragraph: fields by lower-case name; continuation lines keep their line ends.
    struct Paragraph: Sendable, Equatable {
        private var fields: [String: String] = [:]

        /// A field's value; the first line and continuation lines, each trimmed, joined by line ends.
        subscript(name: String) -> String? { fields[name.lowercased()] }

        /// The lines of a field, empty ones left out.
        func lines(_ name: String) -> [String] {
            (self[name] ?? "").split(separator: "\n").map(String.init)
        }

        /// A list separated by commas and blanks.
        func list(_ name: String) -> [String] {
            (self[name] ?? "").split { $0 == "," || $0 == " " || $0 == "\n" }.map(String.init)
        }

        var isEmpty: Bool { fields.isEmpty }

        fileprivate mutating func set(_ name: String, _ value: String) { fields[name.lowercased()] = value }
        fileprivate mutating func extend(_ name: String, _ line: String) {
            let known = fields[name.lowercased()] ?? ""
            fields[name.lowercased()] = known.isEmpty ? line : known + "\n" + line
        }
    }

    /// In the file's order.
    var paragraphs: [Paragraph] = []

    /// Reads a text; lines that are no field are passed over.
    init(_ text: String) {
        var current = Paragraph()
        var last: String?
        for line in text.split(separator: "\n", omittingEmptySubsequences: false) {
            if line.hasPrefix("-----BEGIN PGP SIGNATURE") { break }
            if line.hasPrefix("-----BEGIN PGP") || line.hasPrefix("#") { continue }
            let trimmed = Self.trimmed(line)
            if trimmed.isEmpty {
                if !current.isEmpty { paragraphs.append(current) }
                (current, last) = (Paragraph(), nil)
            } else if line.first == " " || line.first == "\t" {
                if let last { current.extend(last, trimmed) }
            } else if let colon = line.firstIndex(of: ":") {
                let name = String(line[..<colon])
                current.set(name, Self.trimmed(line[line.index(after: colon)...]))
                last = name
            }
        }
        if !current.isEmpty { paragraphs.append(current) }
        // The armour's own header ("Hash: SHA512") is a paragraph in front.
        paragraphs.removeAll { $0["hash"] != nil && $0["source"] == nil && $0["package"] == nil }
    }

    private static func trimmed(_ text: Substring) -> String {
        let blanks: Set<Character> = [" ", "\t", "\r"]
        var rest = text
        while let first = rest.first, blanks.contains(first) { rest.removeFirst() }
        while let last = rest.last, blanks.contains(last) { rest.removeLast() }
        return String(rest)
    }
}

/// One version of a source package, as its `.dsc` describes it.
package struct SourcePackage: Sendable, Equatable {
    /// Name of the source package.
    package var name: String
    /// Debian version, epoch included.
    package var version: String
    /// Source format, such as `3.0 (quilt)`.
    package var format: String
    /// Binary packages with code for this architecture; installer packages (udeb) left out.
    package var binaries: [String]
    /// The `.dsc`; real path.
    package var path: String
    /// SHA-256 of the `.dsc` and of the files that it lists, by file name.
    package var digests: [String: String]

    /// Reads the text of a `.dsc`; nil if it names no package.
    init?(dsc text: String, path: String, digest: String, architecture: String) {
        guard let fields = ControlFile(text).paragraphs.first(where: { $0["source"] != nil }),
            let name = fields["source"], let version = fields["version"]
        else { return nil }
        self.name = name
        self.version = version
        self.path = path
        format = fields["format"] ?? "1.0"
        binaries = fields.lines("package-list").compactMap { line in
            let words = line.split(separator: " ").map(String.init)
            guard words.count >= 4, words[1] == "deb" else { return nil }
            let architectures = words.first { $0.hasPrefix("arch=") }?.dropFirst(5).split(separator: ",") ?? ["any"]
            let fits = architectures.contains { name in
                ["any", "linux-any", "any-\(architecture)", architecture].contains(String(name))
            }
            return fits ? words[0] : nil
        }
        digests = [BuildPath.name(path): digest]
        for line in fields.lines("checksums-sha256") {
            let words = line.split(separator: " ").map(String.init)
            if words.count == 3 { digests[words[2]] = words[0] }
        }
    }

    /// The version without epoch, as file names hold it.
    var plainVersion: String {
        version.firstIndex(of: ":").map { String(version[version.index(after: $0)...]) } ?? version
    }

    /// Whether its patches are a series that dpkg-source applies.
    var isQuilt: Bool { format == "3.0 (quilt)" }
}
