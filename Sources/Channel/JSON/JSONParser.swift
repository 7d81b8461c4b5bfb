// A strict reader for JSON from strangers (RFC 8259). What a lenient reader lets pass, an attacker uses: two
// members of one name mean different things to different readers, so they are refused; so are lone surrogates,
// malformed UTF-8, numbers outside the grammar, anything behind the value, and nesting past a fixed depth (the
// parser recurses, and the stack is finite). The size is bounded by whoever fetched the bytes.

extension JSON {
    /// Nesting beyond this is refused; metadata needs 8.
    static let maximumDepth = 64

    /// Parses one JSON text.
    /// - Parameters:
    ///   - bytes: the whole text, UTF-8 without a byte order mark.
    ///   - subject: what is being read, for the error.
    /// - Throws: ``ChannelError`` of kind `malformed` with the byte offset.
    public static func parse(_ bytes: [UInt8], subject: String) throws(ChannelError) -> JSON {
        var parser = JSONParser(bytes: bytes, subject: subject)
        let value = try parser.value(depth: 0)
        parser.skipSpace()
        guard parser.position == bytes.count else { throw parser.failure("text after the value") }
        return value
    }
}

private struct JSONParser {
    let bytes: [UInt8]
    let subject: String
    var position = 0

    func failure(_ what: String) -> ChannelError {
        ChannelError(.malformed, subject, "\(what) at byte \(position)")
    }

    private var current: UInt8? { position < bytes.count ? bytes[position] : nil }

    mutating func skipSpace() {
        while let byte = current, byte == 0x20 || byte == 0x0A || byte == 0x0D || byte == 0x09 {
            position += 1
        }
    }

    mutating func value(depth: Int) throws(ChannelError) -> JSON {
        guard depth < JSON.maximumDepth else { throw failure("nested too deeply") }
        skipSpace()
        switch current {
        case UInt8(ascii: "{"): return .object(try object(depth: depth))
        case UInt8(ascii: "["): return .array(try array(depth: depth))
        case UInt8(ascii: "\""): return .string(try string())
        case UInt8(ascii: "t"): return try literal("true", .bool(true))
        case UInt8(ascii: "f"): return try literal("false", .bool(false))
        case UInt8(ascii: "n"): return try literal("null", .null)
        case UInt8(ascii: "-"): return try number()
        case let digit? where Hex.isDigit(digit): return try number()
        default: throw failure("no JSON value")
        }
    }

    private mutating func literal(_ word: StaticString, _ value: JSON) throws(ChannelError) -> JSON {
        for expected in "\(word)".utf8 {
            guard current == expected else { throw failure("no JSON value") }
            position += 1
        }
        return value
    }

    private mutating func object(depth: Int) throws(ChannelError) -> JSON.Object {
        position += 1
        var members: [JSON.Object.Entry] = []
        skipSpace()
        if try take(UInt8(ascii: "}")) { return .init() }
        repeat {
            skipSpace()
            guard current == UInt8(ascii: "\"") else { throw failure("no member name") }
            let name = try string()
            skipSpace()
            guard try take(UInt8(ascii: ":")) else { throw failure("no colon") }
            members.append(.init(key: name, value: try value(depth: depth + 1)))
            skipSpace()
        } while try take(UInt8(ascii: ","))
        guard try take(UInt8(ascii: "}")) else { throw failure("object not closed") }
        guard let object = JSON.Object(unique: members) else { throw failure("a member name twice in an object") }
        return object
    }

    private mutating func array(depth: Int) throws(ChannelError) -> [JSON] {
        position += 1
        var elements: [JSON] = []
        skipSpace()
        if try take(UInt8(ascii: "]")) { return [] }
        repeat {
            elements.append(try value(depth: depth + 1))
            skipSpace()
        } while try take(UInt8(ascii: ","))
        guard try take(UInt8(ascii: "]")) else { throw failure("array not closed") }
        return elements
    }

    /// Steps over `byte` if it is next; at the end of the text that is an error.
    private mutating func take(_ byte: UInt8) throws(ChannelError) -> Bool {
        guard let current else { throw failure("unexpected end") }
        guard current == byte else { return false }
        position += 1
        return true
    }

    private mutating func number() throws(ChannelError) -> JSON {
        let start = position
        var isWhole = true
        if current == UInt8(ascii: "-") { position += 1 }
        let first = position
        guard skipDigits() > 0 else { throw failure("no digit in a number") }
        guard bytes[first] != UInt8(ascii: "0") || position == first + 1 else {
            throw failure("a number with a leading zero")
        }
        if current == UInt8(ascii: ".") {
            isWhole = false
            position += 1
            guard skipDigits() > 0 else { throw failure("no digit in a fraction") }
        }
        if current == UInt8(ascii: "e") || current == UInt8(ascii: "E") {
            isWhole = false
            position += 1
            if current == UInt8(ascii: "+") || current == UInt8(ascii: "-") { position += 1 }
            guard skipDigits() > 0 else { throw failure("no digit in an exponent") }
        }
        let text = String(decoding: bytes[start..<position], as: UTF8.self)
        if isWhole, let integer = Int64(text) { return .integer(integer) }
        return .number(text)
    }

    private mutating func skipDigits() -> Int {
        let start = position
        while let byte = current, (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) { position += 1 }
        return position - start
    }

    /// Reads a string; the opening quote is next.
    private mutating func string() throws(ChannelError) -> String {
        position += 1
        let start = position
        // Most strings have no escape: they are one slice of the input.
        while let byte = current, byte != UInt8(ascii: "\""), byte != UInt8(ascii: "\\"), byte >= 0x20 {
            position += 1
        }
        if current == UInt8(ascii: "\"") {
            let text = try decode(bytes[start..<position])
            position += 1
            return text
        }
        var content = Array(bytes[start..<position])
        while let byte = current, byte >= 0x20 {
            position += 1
            switch byte {
            case UInt8(ascii: "\""): return try decode(content[...])
            case UInt8(ascii: "\\"): try escape(into: &content)
            default: content.append(byte)
            }
        }
        throw failure(current == nil ? "string not closed" : "a raw control character in a string")
    }

    private func decode(_ slice: ArraySlice<UInt8>) throws(ChannelError) -> String {
        guard let text = String(validating: slice, as: UTF8.self) else { throw failure("malformed UTF-8") }
        return text
    }

    private mutating func escape(into content: inout [UInt8]) throws(ChannelError) {
        guard let byte = current else { throw failure("string not closed") }
        position += 1
        switch byte {
        case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"): content.append(byte)
        case UInt8(ascii: "b"): content.append(0x08)
        case UInt8(ascii: "f"): content.append(0x0C)
        case UInt8(ascii: "n"): content.append(0x0A)
        case UInt8(ascii: "r"): content.append(0x0D)
        case UInt8(ascii: "t"): content.append(0x09)
        case UInt8(ascii: "u"): content.append(contentsOf: String(try escapedScalar()).utf8)
        default: throw failure("an unknown escape")
        }
    }

    /// Reads the four digits behind `\u`, and the second half of a surrogate pair.
    private mutating func escapedScalar() throws(ChannelError) -> Character {
        var code = UInt32(try fourDigits())
        if (0xD800..<0xDC00).contains(code) {
            guard current == UInt8(ascii: "\\"), position + 1 < bytes.count,
                bytes[position + 1] == UInt8(ascii: "u")
            else { throw failure("half a surrogate pair") }
            position += 2
            let low = UInt32(try fourDigits())
            guard (0xDC00..<0xE000).contains(low) else { throw failure("half a surrogate pair") }
            code = 0x10000 + (code - 0xD800) << 10 + (low - 0xDC00)
        }
        guard let scalar = Unicode.Scalar(code) else { throw failure("half a surrogate pair") }
        return Character(scalar)
    }

    private mutating func fourDigits() throws(ChannelError) -> UInt16 {
        var value: UInt16 = 0
        for _ in 0..<4 {
            guard let byte = current, let digit = Hex.value(of: byte) else { throw failure("not a hex digit") }
            value = value << 4 | UInt16(digit)
            position += 1
        }
        return value
    }
}
