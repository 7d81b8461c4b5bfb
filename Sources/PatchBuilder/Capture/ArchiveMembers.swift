// The members of an `ar` archive: System V / GNU names, BSD names, and thin archives, whose members are only
// named. Read where they lie; nothing is copied. A damaged archive gives the members in front of the damage.
// Source: ar(5) of FreeBSD, binutils' documentation of thin archives.

struct ArchiveMembers: Equatable, Sendable {
    /// One member that may be an object.
    struct Member: Equatable, Sendable {
        /// Its name; in a thin archive a path relative to the archive.
        var name: String
        /// Its bytes; nil in a thin archive.
        var bytes: Range<Int>?
    }

    /// The members in order, symbol and name tables left out.
    var members: [Member] = []

    /// True if the file is an archive at all.
    static func isArchive(_ bytes: [UInt8]) -> Bool {
        bytes.starts(with: "!<arch>\n".utf8) || bytes.starts(with: "!<thin>\n".utf8)
    }

    /// Reads the headers of `bytes`.
    init(_ bytes: [UInt8]) {
        guard Self.isArchive(bytes) else { return }
        let isThin = bytes.starts(with: "!<thin>\n".utf8)
        var longNames: ArraySlice<UInt8> = []
        var at = 8
        while bytes.count - at >= 60 {
            let header = bytes[at..<(at + 60)]
            guard header[at + 58] == 0x60, header[at + 59] == 0x0A,
                let size = Self.number(header[(at + 48)..<(at + 58)])
            else { return }
            let name = String(decoding: header[at..<(at + 16)], as: UTF8.self).trimmedOfBlanks
            at += 60
            let isTable = name == "/" || name == "//" || name == "/SYM64/" || name.hasPrefix("__.SYMDEF")
            let stored = isThin && !isTable ? 0 : size
            guard stored <= bytes.count - at else { return }
            let body = at..<(at + stored)
            at = body.upperBound + (stored & 1)
            if name == "//" { longNames = bytes[body] }
            if isTable { continue }
            add(name, body, isThin: isThin, longNames, bytes)
        }
    }

    private mutating func add(
        _ name: String, _ body: Range<Int>, isThin: Bool, _ longNames: ArraySlice<UInt8>, _ bytes: [UInt8]
    ) {
        if name.hasPrefix("#1/"), let length = Int(name.dropFirst(3)), length >= 0, length <= body.count {
            let text = bytes[body.prefix(length)].prefix { $0 != 0 }
            let rest = (body.lowerBound + length)..<body.upperBound
            members.append(Member(name: String(decoding: text, as: UTF8.self), bytes: rest))
            return
        }
        var full = name
        if name.hasPrefix("/"), let offset = Int(name.dropFirst()), offset >= 0, offset < longNames.count {
            let text = longNames.dropFirst(offset).prefix { $0 != 0x0A }
            full = String(decoding: text, as: UTF8.self)
        }
        if full.hasSuffix("/") { full.removeLast() }
        members.append(Member(name: full, bytes: isThin ? nil : body))
    }

    private static func number(_ field: ArraySlice<UInt8>) -> Int? {
        let digits = field.prefix { (48...57).contains($0) }
        guard !digits.isEmpty, field.dropFirst(digits.count).allSatisfy({ $0 == 32 }) else { return nil }
        return Int(String(decoding: digits, as: UTF8.self))
    }
}

extension String {
    fileprivate var trimmedOfBlanks: String {
        var text = self
        while text.last == " " { text.removeLast() }
        return text
    }
}
