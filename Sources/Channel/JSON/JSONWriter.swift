// Two ways to write JSON.
//
// *Canonical* (OLPC canonical JSON, the form that TUF signs and hashes): members in byte order, no space, only
// `"` and `\` escaped, everything else as it is, whole numbers only. It isn't always valid JSON (a line feed
// stands there raw), and needn't be: it is only ever hashed. One value has exactly one canonical form.
//
// *Compact*: ordinary JSON (RFC 8259), members in byte order, no space; what goes into files.

extension JSON {
    /// The OLPC canonical form, or `nil` if the value holds a number that has none (a fraction).
    public var canonicalBytes: [UInt8]? {
        var writer = JSONWriter(isCanonical: true)
        return writer.write(self) ? writer.output : nil
    }

    /// Ordinary JSON without spaces.
    public var compactBytes: [UInt8] {
        var writer = JSONWriter(isCanonical: false)
        _ = writer.write(self)
        return writer.output
    }
}

private struct JSONWriter {
    let isCanonical: Bool
    var output: [UInt8] = []

    init(isCanonical: Bool) { self.isCanonical = isCanonical }

    /// Appends a value; `false` if it has no such form.
    mutating func write(_ value: JSON) -> Bool {
        switch value {
        case .null: append("null")
        case .bool(let value): append(value ? "true" : "false")
        case .integer(let value): append(String(value))
        case .number(let text):
            // A whole number past 64 bits is canonical as it was written; a fraction is not.
            guard !isCanonical || text.utf8.dropFirst().allSatisfy(Hex.isDigit) else { return false }
            append(text)
        case .string(let text): write(text)
        case .array(let elements): return write(elements)
        case .object(let object): return write(object)
        }
        return true
    }

    private mutating func append(_ text: String) { output.append(contentsOf: text.utf8) }

    private mutating func write(_ elements: [JSON]) -> Bool {
        output.append(UInt8(ascii: "["))
        for (index, element) in elements.enumerated() {
            if index > 0 { output.append(UInt8(ascii: ",")) }
            guard write(element) else { return false }
        }
        output.append(UInt8(ascii: "]"))
        return true
    }

    private mutating func write(_ object: JSON.Object) -> Bool {
        output.append(UInt8(ascii: "{"))
        for (index, entry) in object.entries.enumerated() {
            if index > 0 { output.append(UInt8(ascii: ",")) }
            write(entry.key)
            output.append(UInt8(ascii: ":"))
            guard write(entry.value) else { return false }
        }
        output.append(UInt8(ascii: "}"))
        return true
    }

    private mutating func write(_ text: String) {
        output.append(UInt8(ascii: "\""))
        for byte in text.utf8 {
            switch byte {
            case UInt8(ascii: "\""), UInt8(ascii: "\\"):
                output.append(UInt8(ascii: "\\"))
                output.append(byte)
            case 0..<0x20 where !isCanonical:
                append("\\u00")
                append(Hex.encode([byte]))
            default: output.append(byte)
            }
        }
        output.append(UInt8(ascii: "\""))
    }
}
