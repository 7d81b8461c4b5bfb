import ELF
import LivePatch
import TestSupport
import Testing

@testable import PatchBuilder

@Suite struct ExplainTests {
    @Test func `finds functions in any style of source`() {
        let text = """
            #include <x.h>
            #define CALL(a) do { a; } while (0)
            /* int no(void) { } */
            static const char *table[] = { "a{", "b" };
            struct point { int x; int y; };
            typedef struct { int z; } other;
            int prototype(int x);

            static int
            first(int x)
            {
                if (x) { return '{'; }
                return 0;   // }
            }

            int ZEXPORT second(strm, level)
                z_streamp strm;
                int level;
            {
                return 1;
            }

            #ifdef A
            int third(int a) {
            #else
            int third(int a, int b) {
            #endif
                return a;
            }

            enum color { red, green };
            extern "C" {
            void fourth(void) { CALL(red); }
            }
            int Class::method(int x) const { return x; }
            int value = 3;
            int last(void) { return value; }
            """
        let found = SourceFunctionScanner.functions(in: Array(text.utf8))
        #expect(found.map(\.name) == ["first", "second", "third", "fourth", "method", "last"])
        #expect(found.first?.lines == 9...14)
        #expect(found[1].lines == 16...21)
    }

    private func edits(_ text: String, _ region: StabilisedFile.Region, path: String = "w.c") -> DiffFunctions {
        var edits = DiffFunctions()
        edits.add(
            StabilisedFile(
                path: path, role: .source, change: .edited, postFile: "", regions: [region], shiftedLines: 0),
            textBefore: Array(text.utf8))
        return edits
    }

    private func why(_ pre: String, _ post: String, _ edits: DiffFunctions, _ flags: [String] = ["-O2"]) throws
        -> [String: Manifest.Why]
    {
        let comparison = try CompareTests.compare(pre, post, flags)
        let unit = PatchUnit(
            name: "w.c", comparison: comparison,
            placement: UnitPlacement(group: nil, addresses: comparison.pre.entities.map { _ in nil }))
        let pair = CompiledPair(
            unit: "w.c", source: "w.c", compile: 0, preOriginal: "", isOriginalExact: true, pre: "", post: "",
            hasDebugInfo: false, links: [0], reach: .source)
        let explainer = Explainer(unit: unit, pair: pair, diff: edits)
        var all: [String: Manifest.Why] = [:]
        for change in comparison.functions {
            guard let post = change.post else { continue }
            all[change.name] = explainer.why(comparison.post.entities[post])
        }
        return all
    }

    @Test func `tells edited functions from those that inlined them`() throws {
        func text(_ limit: Int) -> String {
            """
            static int check(int x) {
                return x < \(limit);
            }
            int user(int x) {
                return check(x) ? x * 3 : -1;
            }
            """
        }
        let inlined = try why(
            text(10), text(20), edits(text(10), .init(preStart: 2, preCount: 1, postStart: 2, postCount: 1)))
        #expect(inlined == ["user": .init("inlined", ["check"])])
    }

    @Test func `names edited functions, new ones and changed declarations`() throws {
        let pre = """
            #define LIMIT 10
            int first(int x) {
                return x;
            }
            int second(int x) { return x < LIMIT; }
            """
        let edited = try why(
            pre,
            pre.replacing("return x;\n", with: "return added(x);\n").replacing(
                "int first", with: "__attribute__((noinline)) static int added(int x) { return x * 3; }\nint first"),
            edits(pre, .init(preStart: 3, preCount: 1, postStart: 4, postCount: 1)))
        #expect(edited == ["first": .init("edited"), "added": .init("new")])
        let declared = try why(
            pre, pre.replacing("LIMIT 10", with: "LIMIT 99"),
            edits(pre, .init(preStart: 1, preCount: 1, postStart: 1, postCount: 1)))
        #expect(declared == ["second": .init("declaration", ["w.c:1"])])
    }

    @Test func `calls a moved field a change of declaration, even where functions were edited too`() throws {
        let pre = """
            struct item { int a; int b; };
            int edited(struct item *i) { return i->a; }
            int reader(struct item *i) { return i->b + 3; }
            """
        var known = edits(pre, .init(preStart: 1, preCount: 1, postStart: 1, postCount: 1))
        known.functions["w.c"] = ["edited"]
        let post = pre.replacing("int a; int b;", with: "int a; int c; int b;").replacing(
            "i->a;", with: "i->a + i->c;")
        #expect(
            try why(pre, post, known) == ["edited": .init("edited"), "reader": .init("declaration", ["w.c:1"])])
    }

    @Test func `shows the first changed instruction of both sides`() throws {
        let builds = try TwoBuilds(
            [.init("main.c", SimpleChange.source("1"), SimpleChange.source("77"))], ["-O1", "-fPIE"])
        let unit = try #require(try builds.input().units.first)
        let differences = unit.differences(prePath: builds.pairs[0].pre, postPath: builds.pairs[0].post)
        let answer = try #require(unit.post.entities(named: "answer").first)
        let found = try #require(differences[answer.index])
        #expect(found.before.contains("0x1") && found.after.contains("0x4d"))
    }
}
