import Linux
import Testing

@testable import PatchBuilder

/// A file with every construct in which a directive must not stand, and `__LINE__` all over it.
private let everything = #"""
    #include <assert.h>
    #include <stdio.h>
    #include <stddef.h>

    #define LOG(text, ...) printf("%s:%d: " text "\n", __FILE__, __LINE__, __VA_ARGS__)
    #define PASTE2(a, b) a##b
    #define PASTE(a, b) PASTE2(a, b)
    #define UNIQUE(name) PASTE(name, __LINE__)
    #define MANY(x) \
        do { \
            LOG("many %d", x); \
            assert((x) != 3); \
        } while (0)

    /* a comment
       over ( several
       lines { with " quotes */
    static int UNIQUE(counter);
    static int UNIQUE(counter);

    struct pair {
        int first;
        int second;
    };

    static const char text[] = "one\
    two";

    #if defined(NOTHING) /* never
      and still a comment */
    don't (look
    int broken(
    #elif 1
    static int
    helper(int a,
           int b)
    {
        assert(a != b);
        return a + b;
    }
    #else
    int other(void
    #endif

    #ifdef A
    int select(int a, int b) { if (a
    #else
    int select(int a, int b) { if (b
    #endif
        && a < b) { LOG("less %d", a); return a; }
        return b;
    }

    int main(int argc, char **argv)
    {
        struct pair p = {
            1,
            __LINE__,
        };
        LOG("call %d %d",
            helper(argc,
                   p.first),
            p.second);
        MANY(argc);
        for (int i = 0;
             i < argc;
             i++) {
            assert(argv[i] != NULL); // a comment ( \
            continued "
            switch (i) {
            case 1: LOG("%c", '(');
            default: LOG("%s", text);
            }
        }
    #line 500 "grammar.y"
        LOG("in the grammar %d", select(argc, 2));
        assert(argc < 7);
    #line 90 "everything.c"
        LOG("out of it %d", argc);
        return __LINE__;
    }

    """#

/// Compiles `text` as `everything.c` and answers the object's bytes; nil if it doesn't compile.
private func object(_ text: [UInt8], _ compiler: [String], _ folder: String) throws -> [UInt8]? {
    try FileSystem.replace(folder + "/everything.c", with: text)
    let result = try Command(
        compiler[0], compiler.dropFirst() + ["-w", "-c", "everything.c", "-o", "everything.o"], directory: folder
    ).run()
    return result.succeeded ? try FileSystem.read(folder + "/everything.o") : nil
}

@Suite(.serialized) struct StabilisedObjectTests {
    /// Lines that change no code wherever they stand between tokens.
    private static let harmless = ["\n", "   \n", "/* a comment */\n"]

    @Test(
        .enabled(if: has("/usr/bin/clang"), "needs clang"),
        arguments: [["gcc", "-O0"], ["gcc", "-O2"], ["/usr/bin/clang", "-O1"]])
    func `an inserted line changes no byte of the object, wherever it stands`(compiler: [String]) throws {
        let folder = try TemporaryDirectory(prefix: "tsugite-stabilise")
        let pre = SourceLines(Array(everything.utf8))
        let wanted = try #require(try object(pre.bytes, compiler, folder.path))
        let contexts = LineScanner.contexts(of: pre)
        for at in 0...pre.lines.count {
            // Inside a continued line or a string an added line is no harmless one.
            let before = at > 0 ? pre.lines[at - 1].printable : ""
            if before.hasSuffix("\\") || at < pre.lines.count && Self.isInsideArguments(at, contexts) { continue }
            var text = TrackedText(pre)
            let line = Self.harmless[at % Self.harmless.count]
            // Two lines in a comment must not begin another.
            let added = Self.isInsideComment(at, pre) ? "\n" : line
            text.lines.insert(.init(text: Array(added.utf8)[...], origin: nil), at: at)
            text.lines.insert(.init(text: Array("\n".utf8)[...], origin: nil), at: at)
            let result = Stabiliser.stabilise(pre: pre, post: text)
            let made = try object(result.bytes, compiler, folder.path)
            let same = made == wanted
            #expect(same, "\(compiler[0]) before line \(at + 1): \(before)")
        }
    }

    /// Lines whose number belongs to a call that began above; there a shift is allowed, and counted.
    private static func isInsideArguments(_ at: Int, _ contexts: [LineContext]) -> Bool {
        !contexts[at].isLegalPlace
    }

    private static func isInsideComment(_ at: Int, _ pre: SourceLines) -> Bool {
        let before = String(decoding: SourceLines(lines: Array(pre.lines.prefix(at))).bytes, as: UTF8.self)
        let open = before.components(of: "/*")
        return open > before.components(of: "*/")
    }

    @Test(arguments: 0..<6)
    func `random edits always leave a text that compiles`(seed: Int) throws {
        let folder = try TemporaryDirectory(prefix: "tsugite-stabilise")
        let pre = SourceLines(Array(everything.utf8))
        let contexts = LineScanner.contexts(of: pre)
        let legal = pre.lines.indices.filter { contexts[$0].isLegalPlace && contexts[$0].conditionals == 0 }
        var random = SystemRandomNumberGenerator()
        for _ in 0..<10 {
            var text = TrackedText(pre)
            for at in legal.shuffled(using: &random).prefix(3).sorted(by: >) {
                for _ in 0...Int.random(in: 0...3, using: &random) {
                    text.lines.insert(.init(text: Array("/* x */\n".utf8)[...], origin: nil), at: at)
                }
            }
            let result = Stabiliser.stabilise(pre: pre, post: text)
            let made = try object(result.bytes, ["gcc", "-O1"], folder.path)
            #expect(made != nil, "\(String(decoding: result.bytes, as: UTF8.self))")
        }
    }
}

extension String {
    fileprivate func components(of mark: String) -> Int { ranges(of: mark).count }
}
