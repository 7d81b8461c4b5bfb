import Testing

@testable import PatchBuilder

/// Everything here comes from outside: trees, command lines, compilers' output.
@Suite struct HostileTextTests {
    private static let pieces = [
        "(", ")", "\"", "'", "\\\n", "\n", "\r\n", "/*", "*/", "//", "#if 0\n", "#if X\n", "#else\n", "#elif Y\n",
        "#endif\n", "#line 7\n", "#line 99999999999999999999 \"x\"\n", "# 3 \"y\" 1\n", "#\n", "R\"(", ")\"",
        "R\"abc(", "u8R\"",
        "1'0", "}", "\n}", "a", " ", "\t", "\u{0}", "ä", "\\", "#line \"\n", "#line 0\n",
    ]

    @Test func `any text can be stabilised, and its own lines stay in order`() {
        var random = SystemRandomNumberGenerator()
        for _ in 0..<2_000 {
            let text = (0..<Int.random(in: 0...60, using: &random)).map { _ in
                Self.pieces.randomElement(using: &random) ?? ""
            }
            let pre = SourceLines(Array(text.joined().utf8))
            var post = TrackedText(pre)
            for _ in 0..<3 {
                let at = Int.random(in: 0...post.lines.count, using: &random)
                if Bool.random(using: &random), at < post.lines.count { post.lines.remove(at: at) }
                let piece = Self.pieces.randomElement(using: &random) ?? ""
                let lines = SourceLines(Array((piece + "\n").utf8)).lines.map {
                    TrackedText.Line(text: $0, origin: nil)
                }
                post.lines.insert(contentsOf: lines, at: min(at, post.lines.count))
            }
            post.settle(against: pre)
            let result = Stabiliser.stabilise(pre: pre, post: post)
            // Without the directives that were put in, it is the text after.
            let wanted = post.lines.map { Array($0.text) }
            var rest = SourceLines(result.bytes).lines.map { Array($0) }[...]
            var kept = 0
            while let line = rest.popFirst() {
                if kept < wanted.count, line == wanted[kept] { kept += 1 }
            }
            // The last line of the text before may lack its newline, and then runs into the next.
            #expect(kept == wanted.count || wanted.contains { $0.last != SourceLines.newline })
            let regions = post.regions(originalCount: pre.lines.count)
            #expect(regions.allSatisfy { $0.preStart >= 1 && $0.preStart - 1 + $0.preCount <= pre.lines.count })
        }
    }

    @Test func `any command line can be read and rewritten`() {
        let words = [
            "gcc", "-o", "-c", "-x", "c", "none", "a.c", "b.o", "-", "@", "@x", "-l", "-L", "-Wl,", "-Wa,-a", "-MF",
            "--", "",
            "-Xclang", "-z", "=", "-=", "--=x", "-soname", "-b", "binary", "--format=", "-o=", "ä.c", ".c", "/",
            "-MD", "-e",
        ]
        var random = SystemRandomNumberGenerator()
        for _ in 0..<5_000 {
            let line = (0..<Int.random(in: 0...9, using: &random)).map { _ in
                words.randomElement(using: &random) ?? ""
            }
            let driver = DriverArguments(line)
            #expect(driver.sources.allSatisfy { line.indices.contains($0.index) })
            _ = LinkerArguments(line)
            _ = ToolRole(executable: line.joined(separator: "/"), arguments: line)
            let command = CompileCommand(
                id: 0, family: .gcc, compiler: "x", arguments: line, directory: "/", environment: line,
                source: "/a.c",
                sourceArgument: "a.c", language: .c, output: "/a.o", digest: "")
            #expect(UnitCommand(command: command).object("/o", sectioned: true).contains("/o"))
            #expect(BuildPath.absolute(line.joined(separator: "/../"), in: "/x").hasPrefix("/"))
        }
    }

    @Test func `any bytes can be read as rules, scripts and response files`() {
        var random = SystemRandomNumberGenerator()
        let alphabet = Array("\\ \t\n\r:#$'\"@()aINPUT,".utf8) + [0, 255]
        for _ in 0..<3_000 {
            let bytes = (0..<Int.random(in: 0...40, using: &random)).map { _ in
                alphabet.randomElement(using: &random) ?? 0
            }
            _ = MakeRule.prerequisites(bytes)
            _ = ResponseFile.words(bytes)
            _ = LinkInputs.namesInScript(String(decoding: bytes, as: UTF8.self))
            _ = IncludeScan.includes(bytes, [[97]])
            _ = ObjectProbe.kind(of: bytes[...])
        }
    }
}
