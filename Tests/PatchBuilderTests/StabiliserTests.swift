import Testing

@testable import PatchBuilder

/// Stabilises `post`, with tracks as a diff of whole lines would leave them.
private func stabilised(_ pre: String, _ replace: String, _ with: String) -> String {
    let lines = SourceLines(Array(pre.utf8))
    var text = TrackedText(lines)
    let old = SourceLines(Array(replace.utf8)).lines
    if let at = (0...(text.lines.count - old.count)).first(where: { start in
        old.indices.allSatisfy { text.lines[start + $0].text == old[$0] }
    }) {
        let new = SourceLines(Array(with.utf8)).lines.map { TrackedText.Line(text: $0, origin: nil) }
        text.lines.replaceSubrange(at..<(at + old.count), with: new)
    }
    text.settle(against: lines)
    let result = Stabiliser.stabilise(pre: lines, post: text)
    return String(decoding: result.bytes, as: UTF8.self)
}

@Suite struct StabiliserTests {
    @Test func `puts the old number back behind an inserted line`() {
        #expect(stabilised("a;\nb;\nc;\n", "b;\n", "b;\nx;\n") == "a;\nb;\n#line 4\nx;\n#line 3\nc;\n")
    }

    @Test func `says nothing when the count of lines stays`() {
        #expect(stabilised("a;\nb;\nc;\n", "b;\n", "x;\n") == "a;\nx;\nc;\n")
    }

    @Test func `puts the old number back behind a removed line`() {
        #expect(stabilised("a;\nb;\nc;\n", "b;\n", "") == "a;\n#line 3\nc;\n")
    }

    @Test(arguments: [
        // macro with continuation
        ("#define M \\\n one \\\n two\nend;\n", " one \\\n", " one \\\n more \\\n", "more \\\n two\n#line 4\nend;"),
        // block comment
        ("/* a\n b\n c */\nend;\n", " b\n", " b\n x\n", " x\n c */\n#line 4\nend;"),
        // call over several lines
        ("f(a,\n b,\n c);\nend;\n", " b,\n", " b,\n x,\n", " x,\n c);\n#line 4\nend;"),
        // string with continuation
        ("s = \"a\\\nb\\\nc\";\nend;\n", "b\\\n", "b\\\nx\\\n", "x\\\nc\";\n#line 4\nend;"),
        // raw string
        ("s = R\"q(a\n)\"\n)q\";\nend;\n", ")\"\n", ")\"\nx\n", "x\n)q\";\n#line 4\nend;"),
        // the parenthesis of a call on the next line
        ("x;\nf\n(a);\nend;\n", "x;\nf\n", "x;\ny;\ng\n", "g\n(a);\n#line 4\nend;"),
        // a quote in prose of a dead group, and a character literal
        ("#if 0\ndon't (\n#endif\nc = '(';\nd;\ne;\n", "d;\n", "d;\nx;\n", "x;\n#line 6\ne;"),
        // a call whose head is written twice
        ("#if A\nf(a,\n#else\nf(\n#endif\nb);\nc;\nd;\n", "c;\n", "c;\nx;\n", "x;\n#line 8\nd;"),
        // digit separators
        ("x = 1'000'000;\nb;\nc;\n", "b;\n", "b;\nx;\n", "x;\n#line 3\nc;"),
    ])
    func `waits for a legal place`(pre: String, old: String, new: String, expected: String) {
        let result = stabilised(pre, old, new)
        #expect(result.contains(expected), "\(result)")
    }

    @Test func `says the number again behind each branch of a group`() {
        let pre = "#if A\na;\nb;\n#else\nc;\n#endif\nd;\n"
        #expect(
            stabilised(pre, "a;\n", "a;\nx;\n")
                == "#if A\na;\n#line 8\nx;\n#line 3\nb;\n#else\n#line 5\nc;\n#endif\n#line 7\nd;\n")
    }

    @Test func `keeps the numbers that the file's own directives give`() {
        let pre = "a;\n#line 100 \"p.y\"\nb;\nc;\nd;\n"
        #expect(
            stabilised(pre, "c;\n", "c;\nx;\n")
                == "a;\n#line 100 \"p.y\"\nb;\nc;\n#line 103\nx;\n#line 102\nd;\n")
    }

    @Test func `counts untouched lines whose number is lost`() {
        let lines = SourceLines(Array("f(a,\n b,\n c);\nend;\n".utf8))
        var text = TrackedText(lines)
        text.lines.insert(.init(text: Array(" x,\n".utf8)[...], origin: nil), at: 1)
        #expect(Stabiliser.stabilise(pre: lines, post: text).shiftedLines == 2)
    }

    @Test func `ends lines as the file does`() {
        #expect(stabilised("a;\r\nb;\r\nc;\r\n", "b;\r\n", "") == "a;\r\n#line 3\r\nc;\r\n")
    }
}
