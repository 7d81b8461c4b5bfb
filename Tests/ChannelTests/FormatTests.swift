import Channel
import Testing

@Suite struct JSONTests {
    func parse(_ text: String) throws -> JSON { try JSON.parse(Array(text.utf8), subject: "test") }

    @Test(
        arguments: [
            "", " ", "{", "}", "[1,]", "{\"a\":1,}", "{\"a\" 1}", "{a:1}", "'a'", "\"a", "\"\\x\"", "\"\\u12\"",
            "\"\\ud800\"", "\"\\ud800\\u0041\"", "\"\\udc00\"", "01", "-", "1.", ".5", "1e", "+1", "nul", "truex",
            "[1] 2", "{\"a\":1,\"a\":2}", "{\"\\u0061\":1,\"a\":2}", "\"\n\"", "\u{FEFF}1", "NaN", "[\"a\" \"b\"]",
        ])
    func `refuses malformed text`(text: String) {
        #expect(throws: ChannelError.self) { try parse(text) }
    }

    @Test func `refuses malformed UTF-8`() {
        for bytes in [[0x22, 0xFF, 0x22], [0x22, 0xC0, 0x80, 0x22], [0x22, 0xED, 0xA0, 0x80, 0x22]] as [[UInt8]] {
            #expect(throws: ChannelError.self) { try JSON.parse(bytes, subject: "test") }
        }
    }

    @Test func `refuses deep nesting without recursing away`() throws {
        let depth = 100_000
        #expect(throws: ChannelError.self) { try parse(String(repeating: "[", count: depth)) }
        #expect(throws: ChannelError.self) { try parse(String(repeating: "{\"a\":", count: depth)) }
        _ = try parse(String(repeating: "[", count: 60) + String(repeating: "]", count: 60))
    }

    @Test func `every prefix of a document is refused, never a trap`() throws {
        let text = #"{"a":[1,-2.5e3,"x\u00e9\ud83d\ude00\n",true,false,null],"é":{"b":{}}}"#
        _ = try parse(text)
        let bytes = Array(text.utf8)
        for end in bytes.indices {
            #expect(throws: ChannelError.self) { try JSON.parse(Array(bytes[..<end]), subject: "test") }
        }
    }

    @Test func `keeps numbers exactly`() throws {
        #expect(try parse("9223372036854775807") == .integer(.max))
        #expect(try parse("9223372036854775808") == .number("9223372036854775808"))
        #expect(try parse("1.10") == .number("1.10"))
        #expect(String(decoding: try parse("[1.10,1E5,-0.0]").compactBytes, as: UTF8.self) == "[1.10,1E5,-0.0]")
    }

    @Test func `canonical form sorts by bytes and escapes two characters`() throws {
        let value = try parse(
            #"{"b":1, "a":"q\"\\\n\t\u007f", "é":null, "Z":[ ], "\ud83d\ude00":true, "\uffff":0}"#)
        let expected = "{\"Z\":[],\"a\":\"q\\\"\\\\\n\t\u{7F}\",\"b\":1,\"é\":null,\"\u{FFFF}\":0,\"😀\":true}"
        #expect(value.canonicalBytes == Array(expected.utf8))
    }

    @Test func `a fraction has no canonical form`() throws {
        #expect(try parse("[1.5]").canonicalBytes == nil)
        #expect(try parse("[1e3]").canonicalBytes == nil)
        #expect(try parse("[123456789012345678901]").canonicalBytes == Array("[123456789012345678901]".utf8))
    }

    @Test func `compact form reads back as the same value`() throws {
        let value = try parse(#"{"a":"\u0000\u001f\"\\é😀","b":[1,{"c":[]}]}"#)
        #expect(try JSON.parse(value.compactBytes, subject: "test") == value)
    }

    @Test func `names that only look alike are two names`() throws {
        let value = try parse("{\"\u{E9}\":1,\"e\u{301}\":2}")
        #expect(value["\u{E9}"] == 1)
        #expect(value["e\u{301}"] == 2)
    }

    @Test func `merging keeps order and the later value`() {
        var map: ByteMap<Int> = ["b": 1, "d": 1]
        map.merge([("d", 2), ("a", 2), ("c", 2), ("a", 3), ("e", 2)].map { .init(key: $0.0, value: $0.1) })
        #expect(map.keys == ["a", "b", "c", "d", "e"])
        #expect(map.values == [3, 1, 2, 2, 2])
    }
}

@Suite struct TimeTests {
    @Test(
        arguments: [
            ("1970-01-01T00:00:00Z", 0), ("2000-02-29T23:59:59Z", 951_868_799),
            ("2026-01-01T00:00:00Z", 1_767_225_600),
            ("2038-01-19T03:14:08Z", 2_147_483_648), ("1969-12-31T23:59:59Z", -1),
            ("9999-12-31T23:59:59Z", 253_402_300_799),
            ("0001-01-01T00:00:00Z", -62_135_596_800), ("2100-02-28T12:00:00Z", 4_107_499_200),
        ] as [(String, Int64)])
    func `reads and writes moments`(text: String, seconds: Int64) {
        #expect(UTCTime(text)?.seconds == seconds)
        #expect(UTCTime(seconds: seconds).description == text)
    }

    @Test(
        arguments: [
            "2026-01-01T00:00:00", "2026-01-01 00:00:00Z", "2026-13-01T00:00:00Z", "2026-02-29T00:00:00Z",
            "2100-02-29T00:00:00Z", "2026-01-00T00:00:00Z", "2026-01-01T24:00:00Z", "2026-01-01T00:60:00Z",
            "2026-01-01T00:00:60Z", "2026-01-01T00:00:00+00:00", "+026-01-01T00:00:00Z", "",
        ])
    func `refuses anything else`(text: String) { #expect(UTCTime(text) == nil) }

    @Test func `stays at the end of time`() {
        #expect(UTCTime(seconds: .max).adding(seconds: 5).seconds == .max)
        #expect(UTCTime(seconds: .max).description == "9999-12-31T23:59:59Z")
    }
}

@Suite struct PathPatternTests {
    @Test(
        arguments: [
            ("a/b", "a/*", true), ("a/b/c", "a/*", false), ("ab", "a?", true), ("a/", "a?", false),
            ("abc", "a*c", true), ("abcbc", "a*bc", true), ("abd", "a*c", false), ("x", "*", true), ("", "*", true),
            ("a1", "a[0-9]", true), ("ax", "a[!0-9]", true), ("a]", "a[]]", true), ("a[", "a[", true),
            ("a-", "a[a-]", true), ("foo.tgz", "*.tgz", true), ("p/foo.tgz", "*.tgz", false),
            ("user/libssl3/x", "user/libssl3/*", true), ("user/libssl30/x", "user/libssl3/*", false),
            ("a", "a**", true), ("é", "?", true), ("a", "A", false), ("[a]", "[[]a]", true),
        ])
    func `matches like a shell, component by component`(path: String, pattern: String, expected: Bool) {
        #expect(PathPattern.matches(path, pattern) == expected)
    }

    @Test func `a hostile pattern ends`() {
        let path = String(repeating: "a", count: 2000)
        let pattern = String(repeating: "*a", count: 500) + "b"
        #expect(!PathPattern.matches(path, pattern))
    }
}
