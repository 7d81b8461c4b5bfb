import Foundation
import Linux
import TestSupport
import Testing

/// `tsugite build --json` against the documented schema, docs/formats/build.schema.json.
@Suite struct BuildJSONTests {
    /// The part of JSON Schema that the document uses.
    private struct Schema {
        let root: [String: Any]

        init() throws {
            let path = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
                .appendingPathComponent("../../docs/formats/build.schema.json")
            root = try #require(JSONSerialization.jsonObject(with: Data(contentsOf: path)) as? [String: Any])
        }

        func problems(_ value: Any) -> [String] { problems(value, root, "$") }

        private func problems(_ value: Any, _ schema: [String: Any], _ path: String) -> [String] {
            if let reference = schema["$ref"] as? String {
                let name = String(reference.split(separator: "/").last ?? "")
                guard let target = (root["$defs"] as? [String: Any])?[name] as? [String: Any] else {
                    return ["\(path): \(reference) isn't defined"]
                }
                return problems(value, target, path)
            }
            if let constant = schema["const"] as? String {
                return value as? String == constant ? [] : ["\(path): not \(constant)"]
            }
            if let choices = schema["enum"] as? [String] {
                return (value as? String).map(choices.contains) == true
                    ? [] : ["\(path): \(value) is none of \(choices)"]
            }
            switch schema["type"] as? String {
            case "string": return value is String ? [] : ["\(path): no text"]
            case "integer", "boolean": return value is NSNumber ? [] : ["\(path): no number or truth value"]
            case "array":
                guard let list = value as? [Any], let item = schema["items"] as? [String: Any] else {
                    return ["\(path): no list"]
                }
                return list.enumerated().flatMap { problems($0.element, item, "\(path)[\($0.offset)]") }
            case "object":
                guard let object = value as? [String: Any],
                    let known = schema["properties"] as? [String: [String: Any]]
                else { return ["\(path): no object"] }
                let missing = (schema["required"] as? [String] ?? []).filter { object[$0] == nil }
                return missing.map { "\(path).\($0): missing" }
                    + object.sorted { $0.key < $1.key }.flatMap { key, value in
                        known[key].map { problems(value, $0, "\(path).\(key)") } ?? [
                            "\(path).\(key): not documented"
                        ]
                    }
            case let other: return ["\(path): unknown type \(other ?? "none")"]
            }
        }
    }

    private func check(_ text: String, outcome: String) throws -> [String: Any] {
        let value = try #require(try JSONSerialization.jsonObject(with: Data(text.utf8)) as? [String: Any])
        #expect(try Schema().problems(value) == [])
        #expect(value["outcome"] as? String == outcome)
        return value
    }

    @Test func `a patch, nothing to do, and a refusal are what the schema says`() throws {
        var files = Counter.files
        files["README"] = "old\n"
        let shop = try Workshop(files)
        try shop.make()
        let built = try check(
            try shop.build(Counter.diff(7), target: "counter", ["--json"]).outputText, outcome: "built")
        let patch = try #require((built["patches"] as? [[String: Any]])?.first)
        let manifest = try #require(patch["manifest"] as? [String: Any])
        let function = try #require(
            ((manifest["targets"] as? [[String: Any]])?.first?["functions"] as? [[String: Any]])?.first)
        #expect(function["name"] as? String == "step")
        #expect((function["why"] as? [String: Any])?["reason"] as? String == "edited")
        let nothing = try shop.build(
            "--- a/README\n+++ b/README\n@@ -1 +1 @@\n-old\n+new\n", target: "counter", ["--json"])
        _ = try check(nothing.outputText, outcome: "nothing-to-do")
        let refused = try check(
            try shop.build(Counter.diff(7).replacing("calls++", with: "calls--"), target: "counter", ["--json"])
                .outputText, outcome: "blocked")
        let finding = try #require((refused["findings"] as? [[String: Any]])?.first)
        #expect((finding["remedy"] as? String)?.isEmpty == false)
    }

    @Test func `the reviewer's page shows both sides, the diff, the proof and the provenance, and escapes names`()
        throws
    {
        let shop = try Workshop(Counter.files)
        try shop.make()
        let page = shop.path("page.html")
        let built = try shop.build(Counter.diff(7), target: "counter", ["--html", page, "--name", "fix"])
        #expect(exitCode(built) == 0, "\(built.outputText)\(built.errorText)")
        let text = try String(contentsOfFile: page, encoding: .utf8)
        for part in [
            "class=old", "class=new", "<code>step</code>", "step.c", "same-build-id", "calls++;", "return x + 7",
            "in-toto", "SHA-256",
        ] { #expect(text.contains(part), "\(part) is missing") }
        #expect(!text.contains("<script") && !text.contains("http-equiv"))
    }

    @Test func `the same input gives the same bytes in two roots`() throws {
        let shop = try Workshop(Counter.files)
        try shop.make()
        #expect(
            exitCode(try shop.build(Counter.diff(7), target: "counter", output: "one.tsp", ["--name", "fix"])) == 0)
        _ = try Command("/bin/cp", ["-r", shop.tree, shop.path("elsewhere")]).run()
        let second = try TsugiteCommand.run([
            "build", "-q", "--source", shop.path("elsewhere"), "--build-path", shop.tree, "--patch",
            shop.path("fix.diff"), "--target", shop.tree + "/counter", "--build-command", "make -B", "--work",
            shop.path("other-work"), "-o", shop.path("two.tsp"), "--name", "fix", "--jobs", "1",
        ])
        #expect(exitCode(second) == 0, "\(second.outputText)\(second.errorText)")
        let files = try ["one.tsp", "two.tsp"].map { try Data(contentsOf: URL(fileURLWithPath: shop.path($0))) }
        #expect(files[0] == files[1])
    }
}

/// What can go wrong around a build.
@Suite struct BuildTroubleTests {
    @Test func `a missing output folder is refused before anything is built`() throws {
        let shop = try Workshop(Counter.files)
        try shop.make()
        let result = try shop.build(Counter.diff(7), target: "counter", output: "nowhere/fix.tsp")
        #expect(exitCode(result) == 13)
        #expect((result.outputText + result.errorText).contains("BLD-OUTPUT"))
        #expect(!FileManager.default.fileExists(atPath: shop.path("work/builds")))
    }

    @Test func `a build that needs the network fails with the program's own words`() throws {
        var files = Counter.files
        files["fetch"] = "import urllib.request\nurllib.request.urlopen('http://192.0.2.1:9/', timeout=2)\n"
        let shop = try Workshop(files)
        try shop.make()
        try shop.write(
            "tree/Makefile",
            "counter: main.o step.o token.o\n\tpython3 fetch\n\t$(CC) -o $@ main.o step.o token.o\n")
        let result = try shop.build(Counter.diff(7), target: "counter")
        #expect(exitCode(result) == 13)
        let text = result.outputText + result.errorText
        #expect(text.contains("BLD-FAILED") && text.contains("urlopen"), "\(text)")
    }

    @Test(.enabled(if: mayTrace, "mounting needs root"))
    func `a full disk is named, and nothing half-made is left`() throws {
        let shop = try Workshop(Counter.files)
        try shop.make()
        try shop.write("small/none", "")
        let mounted = try Command("/bin/mount", ["-t", "tmpfs", "-o", "size=64k", "tmpfs", shop.path("small")])
            .run()
        try #require(mounted.succeeded, "\(mounted.errorText)")
        defer { _ = try? Command("/bin/umount", ["-l", shop.path("small")]).run() }
        // Room for the copy of the tree, none for what is built.
        let work = try shop.build(Counter.diff(7), target: "counter", ["--work", shop.path("small")])
        #expect(exitCode(work) == 13, "\(work.outputText)\(work.errorText)")
        #expect((work.outputText + work.errorText).contains("BLD-SPACE"))
        #expect(!FileManager.default.fileExists(atPath: shop.path("fix.tsp")))
        _ = try Command("/bin/dd", ["if=/dev/zero", "of=" + shop.path("small/fill"), "bs=1k"]).run()
        let output = try shop.build(Counter.diff(7), target: "counter", output: "small/fix.tsp")
        #expect(exitCode(output) != 0)
        #expect(!FileManager.default.fileExists(atPath: shop.path("small/fix.tsp")))
    }

    @Test func `killed at any stage and started again, it comes to the same patch`() async throws {
        let shop = try Workshop(Counter.files)
        try shop.make()
        #expect(
            exitCode(try shop.build(Counter.diff(7), target: "counter", output: "whole.tsp", ["--name", "fix"]))
                == 0)
        let whole = try Data(contentsOf: URL(fileURLWithPath: shop.path("whole.tsp")))
        _ = try Command("/bin/rm", ["-rf", shop.path("work")]).run()
        var delay = 20
        while delay < 1500 {
            let process = Process()
            process.executableURL = URL(fileURLWithPath: TsugiteCommand.path)
            process.arguments = [
                "build", "-q", "--source", shop.tree, "--patch", shop.path("fix.diff"), "--target",
                shop.tree + "/counter", "--build-command", "make -B", "--work", shop.path("work"), "-o",
                shop.path("fix.tsp"), "--name", "fix", "--redo", "reproduce",
            ]
            try process.run()
            try await Task.sleep(for: .milliseconds(delay))
            kill(process.processIdentifier, SIGKILL)
            process.waitUntilExit()
            if let bytes = try? Data(contentsOf: URL(fileURLWithPath: shop.path("fix.tsp"))) {
                #expect(bytes == whole)
            }
            delay += delay / 2
        }
        let again = try shop.build(Counter.diff(7), target: "counter", ["--name", "fix"])
        #expect(exitCode(again) == 0, "\(again.outputText)\(again.errorText)")
        #expect(try Data(contentsOf: URL(fileURLWithPath: shop.path("fix.tsp"))) == whole)
        let left = try FileManager.default.subpathsOfDirectory(atPath: shop.path("work"))
        #expect(!left.contains { $0.hasSuffix(".tsugite-original") })
    }

    @Test func `a header of another package is no file of the tree, and is refused`() throws {
        let shop = try Workshop(Counter.files)
        try shop.make()
        let diff = "--- a/usr/include/stdio.h\n+++ b/usr/include/stdio.h\n@@ -1 +1 @@\n-x\n+y\n"
        let result = try shop.build(diff, target: "counter")
        #expect(exitCode(result) == 13)
        #expect((result.outputText + result.errorText).contains("BLD-DIFF-CONFLICT"))
    }

    @Test func `a template is edited as the configure script would have written it`() throws {
        let shop = try Workshop([
            "Makefile":
                "prog: main.c v.h\n\t$(CC) -g -O2 -o $@ main.c -Wl,--build-id\nv.h: v.h.in\n\tsed -e s/@V@/1/ -e 's/@LINES@/int a; \\nint b;/' v.h.in > v.h\n",
            "main.c":
                "#include <stdio.h>\n#include \"v.h\"\nint main(void) { printf(\"%d\\n\", V + W); return 0; }\n",
            "v.h.in": "#define V @V@\n@LINES@\n#define W 2\n",
        ])
        try shop.make()
        let shipped = shop.path("shipped")
        try FileManager.default.moveItem(atPath: shop.tree + "/prog", toPath: shipped)
        try FileManager.default.removeItem(atPath: shop.tree + "/v.h")
        let diff =
            "--- a/v.h.in\n+++ b/v.h.in\n@@ -1,3 +1,3 @@\n #define V @V@\n @LINES@\n-#define W 2\n+#define W 30\n"
        let result = try shop.build(diff, target: shipped, ["--build-command", "make -B"])
        #expect(exitCode(result) == 0, "\(result.outputText)\(result.errorText)")
        #expect(result.outputText.contains("main"))
    }
}
