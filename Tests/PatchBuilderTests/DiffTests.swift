import Findings
import Testing

@testable import PatchBuilder

/// A tree in memory.
private func tree(_ files: [String: String]) -> AppliedTree {
    AppliedTree { (path: String) throws(BuildError) -> [UInt8]? in files[path].map { Array($0.utf8) } }
}

private func apply(_ diffs: String..., to files: [String: String]) throws -> (files: [AppliedFile], notes: [String])
{
    var state = tree(files)
    for (index, diff) in diffs.enumerated() {
        try state.apply(DiffParser.parse(Array(diff.utf8), name: "fix\(index).diff"), name: "fix\(index).diff")
    }
    return (try state.finish(), state.notes)
}

private func text(_ file: AppliedFile?) -> String? {
    file?.post.map { String(decoding: $0.source.bytes, as: UTF8.self) }
}

private func refusal(_ body: () throws -> Void) -> Finding? {
    do {
        try body()
        return nil
    } catch let error as BuildError {
        return error.finding
    } catch {
        return nil
    }
}

private let ten = (1...10).map { "line \($0)\n" }.joined()

@Suite struct DiffTests {
    @Test(arguments: [
        ("configure.ac", "AC_DEFINE([HAVE_IT], 1)"), ("config_h.SH", "#$d_it HAVE_IT /**/"),
        ("Makefile", "FLAGS += -DHAVE_IT"),
    ])
    func `finds a question that only a new configuration answers`(_ name: String, _ line: String) throws {
        let build = "--- a/\(name)\n+++ b/\(name)\n@@ -1 +1,2 @@\n HAVE_OLD\n+\(line)\n"
        func source(_ line: String) -> String { "--- a/a.c\n+++ b/a.c\n@@ -1 +1,2 @@\n int a;\n+\(line)\n" }
        let files = [name: "HAVE_OLD\n", "a.c": "int a;\n"]
        for line in ["#ifdef HAVE_IT", "# if defined(X) && defined(HAVE_IT)"] {
            let found = try ConfiguredMacros.unanswered(apply(build, source(line), to: files).files)
            #expect(found == .init(macro: "HAVE_IT", source: "a.c", decidedBy: name))
        }
        for line in ["#ifdef HAVE_OLD", "int HAVE_IT;", "#define HAVE_IT 1"] {
            #expect(try ConfiguredMacros.unanswered(apply(build, source(line), to: files).files) == nil)
        }
        #expect(try ConfiguredMacros.unanswered(apply(source("#ifdef HAVE_IT"), to: files).files) == nil)
    }

    @Test func `applies a plain diff at strip level 0`() throws {
        let diff = "--- a.c\n+++ a.c\n@@ -2,3 +2,3 @@\n line 2\n-line 3\n+LINE 3\n line 4\n"
        let result = try apply(diff, to: ["a.c": ten])
        #expect(text(result.files.first) == ten.replacing("line 3\n", with: "LINE 3\n"))
        #expect(result.notes.isEmpty)
    }

    @Test func `finds the strip level of a path with two extra folders`() throws {
        let diff =
            "--- old/pkg-1.0/src/a.c\t2020-01-01\n+++ new/pkg-1.0/src/a.c\t2020-01-02\n@@ -1 +1 @@\n-line 1\n+one\n"
        let result = try apply(diff, to: ["src/a.c": "line 1\n"])
        #expect(result.files.map(\.path) == ["src/a.c"])
    }

    @Test func `takes a mail from git format-patch with its header and signature`() throws {
        let mail = """
            From 0123 Mon Sep 17 00:00:00 2001
            From: A <a@example.org>
            Subject: [PATCH] fix

            --- this line is prose
            @ not a hunk
            ---
             src/a.c | 2 +-
             1 file changed, 1 insertion(+), 1 deletion(-)

            diff --git a/src/a.c b/src/a.c
            index 123..456 100644
            --- a/src/a.c
            +++ b/src/a.c
            @@ -3,3 +3,4 @@ int main(void)
             line 3
            +-- new
             line 4
             line 5
            --\u{20}
            2.39.5

            """
        let result = try apply(mail, to: ["src/a.c": ten])
        #expect(text(result.files.first) == ten.replacing("line 3\n", with: "line 3\n-- new\n"))
    }

    @Test func `takes removed lines that look like headers`() throws {
        let diff = "--- a.c\n+++ a.c\n@@ -1,2 +1,2 @@\n--- x\n+++ y\n z\n"
        let result = try apply(diff, to: ["a.c": "-- x\nz\n"])
        #expect(text(result.files.first) == "++ y\nz\n")
    }

    @Test func `reports a position shift`() throws {
        let diff = "--- a.c\n+++ a.c\n@@ -2,3 +2,3 @@\n line 2\n-line 3\n+LINE 3\n line 4\n"
        let result = try apply(diff, to: ["a.c": "new\nnew\n" + ten])
        #expect(result.notes == ["a.c: hunk 1 found 2 lines later"])
    }

    @Test func `refuses fuzz and shows the expected and the found line`() throws {
        let diff = "--- a.c\n+++ a.c\n@@ -2,4 +2,4 @@\n line 2\n-line 3\n+LINE 3\n line 4\n line five\n"
        let finding = refusal { _ = try apply(diff, to: ["a.c": ten]) }
        #expect(finding?.code == .diffConflict)
        #expect(finding?.evidence.contains(.init("expected", "line five")) == true)
        #expect(finding?.evidence.contains(.init("found", "line 5")) == true)
        #expect(finding?.evidence.contains(.init("hunk", "1")) == true)
    }

    @Test func `recognises a change that the tree has already`() throws {
        let diff = "--- a.c\n+++ a.c\n@@ -2,3 +2,3 @@\n line 2\n-line 3\n+LINE 3\n line 4\n"
        let done = ten.replacing("line 3\n", with: "LINE 3\n")
        #expect(refusal { _ = try apply(diff, to: ["a.c": done]) }?.code == .diffApplied)
    }

    @Test func `refuses a change that the tree has in one file of two`() throws {
        let one = "--- a.c\n+++ a.c\n@@ -2,3 +2,3 @@\n line 2\n-line 3\n+LINE 3\n line 4\n"
        let two = one.replacing("a.c", with: "b.c")
        let done = ten.replacing("line 3\n", with: "LINE 3\n")
        let finding = refusal { _ = try apply(one + two, to: ["a.c": done, "b.c": ten]) }
        #expect(finding?.code == .diffConflict)
        #expect(finding?.evidence.contains(.init("already applied", "a.c")) == true)
    }

    @Test func `makes several diffs one change`() throws {
        let one = "--- a.c\n+++ a.c\n@@ -2,3 +2,4 @@\n line 2\n-line 3\n+first\n+second\n line 4\n"
        let two = "--- a.c\n+++ a.c\n@@ -2,4 +2,4 @@\n line 2\n first\n-second\n+line 3\n line 4\n"
        let file = try #require(try apply(one, two, to: ["a.c": ten]).files.first)
        #expect(text(file) == ten.replacing("line 3\n", with: "first\nline 3\n"))
        #expect(
            file.post?.regions(originalCount: 10) == [.init(preStart: 3, preCount: 0, postStart: 3, postCount: 1)])
    }

    @Test func `drops a file that the second diff restores`() throws {
        let one = "--- a.c\n+++ a.c\n@@ -1,2 +1,2 @@\n-line 1\n+x\n line 2\n"
        let two = "--- a.c\n+++ a.c\n@@ -1,2 +1,2 @@\n-x\n+line 1\n line 2\n"
        #expect(try apply(one, two, to: ["a.c": ten]).files.isEmpty)
    }

    @Test func `makes, removes and renames files`() throws {
        let diff = """
            diff --git a/new.c b/new.c
            new file mode 100644
            --- /dev/null
            +++ b/new.c
            @@ -0,0 +1 @@
            +int x;
            diff --git a/gone.c b/gone.c
            deleted file mode 100644
            --- a/gone.c
            +++ /dev/null
            @@ -1 +0,0 @@
            -int y;
            diff --git a/old name.c b/new name.c
            similarity index 90%
            rename from old name.c
            rename to new name.c
            --- a/old name.c
            +++ b/new name.c
            @@ -1,2 +1,2 @@
            -line 1
            +one
             line 2

            """
        let files = try apply(diff, to: ["gone.c": "int y;\n", "old name.c": ten]).files
        #expect(files.map(\.path) == ["gone.c", "new name.c", "new.c", "old name.c"])
        #expect(files.map(\.change) == [.removed, .renamed, .added, .removed])
        #expect(files[1].oldPath == "old name.c")
    }

    @Test func `keeps a missing newline at the end of a file`() throws {
        let diff =
            "--- a.c\n+++ a.c\n@@ -1,2 +1,2 @@\n a\n-b\n\\ No newline at end of file\n+c\n\\ Kein Zeilenumbruch\n"
        #expect(text(try apply(diff, to: ["a.c": "a\nb"]).files.first) == "a\nc")
        #expect(refusal { _ = try apply(diff, to: ["a.c": "a\nb\n"]) }?.code == .diffConflict)
    }

    @Test(arguments: [("\n", "\r\n"), ("\r\n", "\n"), ("\r\n", "\r\n")])
    func `fits line ends of the diff to those of the file`(diffEnd: String, fileEnd: String) throws {
        let lines = ["--- a.c", "+++ a.c", "@@ -1,3 +1,3 @@", " x", "-y", "+Y", " z", ""]
        let file = ["x", "y", "z", ""].joined(separator: fileEnd)
        let result = try apply(lines.joined(separator: diffEnd), to: ["a.c": file])
        #expect(text(result.files.first) == file.replacing("y", with: "Y"))
    }

    @Test(arguments: [
        "--- a/../../etc/passwd\n+++ b/../../etc/passwd\n@@ -0,0 +1 @@\n+x\n",
        "--- /dev/null\n+++ ../x.c\n@@ -0,0 +1 @@\n+x\n",
        "diff --git a/x b/x\nrename from x\nrename to /etc/cron.d/x\n",
        "diff --git a/x b/x\nrename from x\nrename to ../../x\n",
    ])
    func `refuses a path that leaves the tree`(diff: String) {
        #expect(refusal { _ = try apply(diff, to: ["x": "1\n"]) }?.code == .diffPath)
    }

    @Test func `refuses binary changes by name`() {
        let git = "diff --git a/i.png b/i.png\nindex 1..2\nGIT binary patch\nliteral 3\nabc\n"
        let plain = "Binary files old/i.png and new/i.png differ\n"
        for diff in [git, plain] {
            let finding = refusal { _ = try apply(diff, to: ["i.png": "1"]) }
            #expect(finding?.code == .diffBinary)
            #expect(finding?.evidence.first?.value.hasSuffix("i.png") == true)
        }
    }

    @Test(arguments: [
        "", "just text\n", "@@ -1 +1 @@\n-a\n+b\n", "--- a\n+++ b\n@@ -1,x +1 @@\n",
        "--- a\n+++ b\n@@ -1,2 +1,2 @@\n a\n", "--- a\n+++ b\n@@ -1 +1 @@\n a\n a\nX",
        "--- a\n+++ b\n@@ -99999999999999999999 +1 @@\n a\n", "*** a\n--- b\n***************\n*** 1 ****\n",
        "--- /dev/null\n+++ /dev/null\n@@ -0,0 +1 @@\n+x\n", "--- a\n+++ a\n@@@ -1 -1 +1 @@@\n",
    ])
    func `refuses what is no unified diff`(diff: String) {
        let finding = refusal { _ = try apply(diff, to: ["a": "a\na\n", "b": "a\n"]) }
        // One of them is a fine diff with junk behind it.
        #expect(finding?.code == .diffMalformed || diff.hasSuffix("X"))
    }

    @Test func `a hunk without old lines goes exactly where it says`() throws {
        let diff = "--- a.c\n+++ a.c\n@@ -3,0 +4 @@\n+between\n"
        #expect(
            text(try apply(diff, to: ["a.c": ten]).files.first)
                == ten.replacing("line 3\n", with: "line 3\nbetween\n"))
    }

    @Test func `reads quoted names`() throws {
        let diff =
            "diff --git \"a/\\303\\244.c\" \"b/\\303\\244.c\"\n--- \"a/\\303\\244.c\"\n+++ \"b/\\303\\244.c\"\n@@ -1 +1 @@\n-a\n+b\n"
        #expect(try apply(diff, to: ["ä.c": "a\n"]).files.map(\.path) == ["ä.c"])
    }

    @Test func `survives every truncation and thousands of flipped bytes`() throws {
        let diff = Array(
            """
            From: x
            diff --git a/src/a.c b/src/a.c
            rename from src/a.c
            rename to src/b.c
            --- a/src/a.c
            +++ b/src/b.c
            @@ -2,3 +2,4 @@ f
             line 2
            -line 3
            +x
            +y
             line 4
            @@ -8,2 +9,2 @@
             line 8
            -line 9
            +z
            \\ No newline at end of file
            diff --git "a/q\\".c" "b/q\\".c"
            new file mode 100644
            --- /dev/null
            +++ "b/q\\".c"
            @@ -0,0 +1 @@
            +int x;
            """.utf8)
        let files = ["src/a.c": ten]
        func attempt(_ bytes: [UInt8]) {
            var state = tree(files)
            do {
                try state.apply(DiffParser.parse(bytes, name: "f"), name: "f")
                for file in try state.finish() {
                    if let pre = file.pre, let post = file.post { _ = Stabiliser.stabilise(pre: pre, post: post) }
                }
            } catch {
                #expect(!error.finding.message.isEmpty)
            }
        }
        for length in 0...diff.count { attempt(Array(diff.prefix(length))) }
        var random = SystemRandomNumberGenerator()
        for _ in 0..<4_000 {
            var bytes = diff
            for _ in 0..<Int.random(in: 1...6, using: &random) {
                let at = Int.random(in: 0..<bytes.count, using: &random)
                bytes[at] =
                    Bool.random()
                    ? UInt8.random(in: 0...255, using: &random) : bytes[at] ^ 1 << UInt8.random(in: 0..<8)
            }
            attempt(bytes)
        }
    }

    @Test(arguments: [
        ("src/a.c", FileRole.source), ("include/x.hpp", .header), ("crypto/aes-x86_64.S", .assembly),
        ("lib/x.asm", .assembly), ("ChangeLog", .document), ("doc/x", .document), ("tests/a.c", .test),
        ("src/Makefile.am", .buildSystem), ("configure.ac", .buildSystem), ("src/parse.y", .generator),
        ("po/de.po", .document), ("man/x.8", .document), ("data/x.bin", .other),
    ])
    func `tells the role of a file from its path`(path: String, role: FileRole) {
        #expect(FileRole(path: path) == role)
    }
}
