import Foundation
import Linux
import TestSupport
import Testing

/// Fixes that would leave old data or old callers with something else than they have: refused, each with its reason.
@Suite struct RefusedTests {
    /// One fix: the sources before, what replaces which text, and what the builder has to say.
    struct Fix: Sendable, CustomTestStringConvertible {
        var name: String
        var files: [String: String]
        var changes: [(file: String, from: String, to: String)]
        var code: String
        var saying: String
        var testDescription: String { name }
    }

    private static func program(_ text: String) -> String {
        """
        #include <stdio.h>
        #include <stdlib.h>
        #include <unistd.h>
        \(text)
        int main(void) { init(); for (;;) { tick(); usleep(100000); } }
        """
    }

    private static let fixes: [Fix] = [
        Fix(
            name: "a pointer that steps through old memory by another width",
            files: [
                "p.c": program(
                    """
                    static int *list; void init(void) { list = calloc(4, sizeof *list); list[0] = 1; }
                    __attribute__((noinline)) void tick(void) { list[0]++; printf("%ld\\n", (long)list[1]); }
                    """)
            ], changes: [("p.c", "static int *list", "static long *list")], code: "BLD-LAYOUT",
            saying: "variable list"),
        Fix(
            name: "a number that is read as another kind of number",
            files: [
                "p.c": program(
                    """
                    static __thread int load; void init(void) { load = 3; }
                    __attribute__((noinline)) void tick(void) { load += 2; printf("%d\\n", (int)load); }
                    """)
            ], changes: [("p.c", "__thread int load", "__thread float load")], code: "BLD-LAYOUT",
            saying: "variable load"),
        Fix(
            name: "a field that points to narrower numbers",
            files: [
                "p.c": program(
                    """
                    struct row { int *cells; } row; void init(void) { row.cells = calloc(4, 4); row.cells[1] = 9; }
                    __attribute__((noinline)) void tick(void) { printf("%d\\n", row.cells[1]); }
                    """)
            ], changes: [("p.c", "struct row { int *", "struct row { short *")], code: "BLD-LAYOUT",
            saying: "struct row"),
        Fix(
            name: "a function that moves to another file",
            files: [
                "p.c": program(
                    """
                    int price(int); int twice(int); void init(void) {}
                    __attribute__((noinline)) void tick(void) { printf("%d %d\\n", price(1), twice(2)); }
                    """), "q.c": "int price(int x) { return x + 1; }\nint other;\n",
                "r.c": "int sum; int twice(int x) { sum += x; return x * 2; }\n",
            ],
            changes: [
                ("q.c", "int price(int x) { return x + 1; }\n", ""),
                ("r.c", "int sum;", "int price(int x) { return x + 1000; }\nint sum;"),
            ], code: "BLD-IDENTITY", saying: "price moved from q.c to r.c"),
        Fix(
            name: "two names of one function that are parted",
            files: [
                "p.c": program(
                    """
                    int first(int); int second(int); void init(void) {}
                    void tick(void) { printf("%d %d\\n", first(2), second(2)); }
                    """),
                "q.c": """
                int sum; int first(int x) { sum += x; return x * 3 + 7; }
                int second(int x) __attribute__((alias("first")));
                """,
            ],
            changes: [
                ("q.c", "int first(int x) { sum += x; return x * 3 + 7; }", "int first(int x) { return x * 5; }"),
                ("q.c", "__attribute__((alias(\"first\")));", "{ sum += x; return x * 3 + 7; }"),
            ], code: "BLD-IDENTITY", saying: "names another function"),
        Fix(
            name: "a function that keeps addresses of its labels on the heap",
            files: [
                "p.c": program(
                    """
                    static void **code; static long sum;
                    __attribute__((noinline)) void run(int isFirst)
                    {
                        static void *const labels[] = { &&add, &&end };
                        if (isFirst) { code = malloc(16); code[0] = labels[0]; code[1] = labels[1]; return; }
                        void **pc = code;
                        goto **pc++;
                    add: sum += 3; goto **pc++;
                    end: printf("%ld\\n", sum);
                    }
                    void init(void) { run(1); } void tick(void) { run(0); }
                    """)
            ], changes: [("p.c", "sum += 3", "sum += 5")], code: "BLD-LABEL", saying: "run keeps addresses"),
        Fix(
            name: "a new entry of a set that the linker collects",
            files: [
                "p.c": program(
                    """
                    struct entry { int value; };
                    #define ENTRY(n, x) static const struct entry n __attribute__((section("entries"), used)) = { x }
                    ENTRY(one, 1); ENTRY(two, 2);
                    extern const struct entry __start_entries[], __stop_entries[]; void init(void) {}
                    __attribute__((noinline)) void tick(void)
                    {
                        int sum = 0;
                        for (const struct entry *p = __start_entries; p < __stop_entries; p++) sum += p->value;
                        printf("%d\\n", sum);
                    }
                    """)
            ], changes: [("p.c", "ENTRY(two, 2);", "ENTRY(two, 2); ENTRY(three, 4);")], code: "BLD-DATA",
            saying: "the linker's set entries"),
        Fix(
            name: "a lambda in front of one that objects hold",
            files: [
                "p.cc": "#include <functional>\n#include <vector>\n"
                    + program(
                        """
                        std::vector<std::function<int(int)>> list;
                        __attribute__((noinline)) void init()
                        {
                            list.push_back([](int x) { return x + 1; });
                            list.push_back([](int x) { return x * 2; });
                        }
                        __attribute__((noinline)) void tick() { for (auto &f : list) printf("%d\\n", f(10)); }
                        """)
            ],
            changes: [
                (
                    "p.cc", "{\n    list.push",
                    "{\n    list.push_back([](int x) { return x + 1000; });\n    list.push"
                )
            ], code: "BLD-IDENTITY", saying: "which lambda is which"),
        Fix(
            name: "the input of a tool whose output has another name",
            files: [
                "p.c": program(
                    "#include \"made.h\"\nvoid init(void) {} void tick(void) { printf(\"%d\\n\", LIMIT); }"),
                "limits.tbl": "8\n",
                "Makefile":
                    "prog: p.c limits.tbl\n\techo \"#define LIMIT $$(cat limits.tbl)\" > made.h\n\t$(CC) -O2 -o prog p.c\n",
            ], changes: [("limits.tbl", "8", "9")], code: "BLD-GENERATED", saying: "limits.tbl"),
    ]

    @Test(arguments: fixes) func `refuses what old data or callers would misunderstand`(_ fix: Fix) throws {
        var files = fix.files
        if files["Makefile"] == nil {
            let sources = files.keys.sorted().joined(separator: " ")
            let compiler = files["p.cc"] == nil ? "$(CC)" : "$(CXX)"
            files["Makefile"] = "prog: \(sources)\n\t\(compiler) -O2 -o prog \(sources)\n"
        }
        let shop = try Workshop(files)
        try shop.make()
        let result = try shop.build(try diff(fix, shop), target: "prog")
        #expect(exitCode(result) == 13, "\(result.outputText)\(result.errorText)")
        #expect(result.errorText.contains("[\(fix.code)]"), "\(result.errorText)")
        #expect(result.errorText.contains(fix.saying), "\(result.errorText)")
    }

    private func diff(_ fix: Fix, _ shop: Workshop) throws -> String {
        var texts: [String: String] = [:]
        for change in fix.changes {
            let text =
                try texts[change.file] ?? String(contentsOfFile: shop.tree + "/" + change.file, encoding: .utf8)
            try #require(text.contains(change.from), "\(change.from)")
            texts[change.file] = text.replacing(change.from, with: change.to, maxReplacements: 1)
        }
        var all = ""
        for (file, text) in texts.sorted(by: { $0.key < $1.key }) {
            try shop.write("after/" + file, text)
            let words = ["-u", "--label", "a/" + file, "--label", "b/" + file, "tree/" + file, "after/" + file]
            all += try Command("/usr/bin/diff", words, directory: shop.path("")).run().outputText
        }
        return all
    }

    @Test(arguments: ["-O0", "-O2", "-O2 -fcf-protection=full", "-O2 -fno-pie -no-pie", "-O3"])
    func `an interpreter that only jumps through its labels isn't refused`(_ flags: String) throws {
        let shop = try Workshop([
            "Makefile": "prog: p.c\n\t$(CC) \(flags) -o prog p.c\n",
            "p.c": Self.program(
                """
                static long stack[16]; static const unsigned char code[] = { 0, 5, 0, 7, 1, 2, 3, 4 };
                __attribute__((noinline)) long run(const unsigned char *pc, long *sp)
                {
                    static const void *const table[] = { &&push, &&add, &&twice, &&keep, &&end };
                    static long kept[4];
                    long *names[4] = { &kept[0], &kept[1], &kept[2], &kept[3] };
                    goto *table[*pc++];
                push: *sp++ = *pc++; goto *table[*pc++];
                add: sp[-2] += sp[-1]; sp--; goto *table[*pc++];
                twice: sp[-1] *= 2; if (sp[-1] > 1000000) return -1; goto *table[*pc++];
                keep: kept[sp[-1] & 3] = sp[-1]; *names[1] = kept[0] + 1; goto *table[*pc++];
                end: return sp[-1] + kept[0];
                }
                void init(void) {} void tick(void) { printf("%ld\\n", run(code, stack)); }
                """),
        ])
        try shop.make()
        let line = "twice: sp[-1] *= 2; if"
        let fix = Fix(
            name: "", files: [:], changes: [("p.c", line, line.replacing("*= 2", with: "*= 3"))], code: "",
            saying: "")
        let built = try shop.build(try diff(fix, shop), target: "prog")
        #expect(exitCode(built) == 0, "\(built.outputText)\(built.errorText)")
    }

    @Test func `another file that the diff changes is named, and only initial values are told as such`() throws {
        let shop = try Workshop([
            "Makefile": """
            all: prog other
            prog: p.c limits.h
            \t$(CC) -O2 -o prog p.c
            other: q.c limits.h
            \t$(CC) -O2 -o other q.c
            """, "limits.h": "#define LIMIT 4\n",
            "p.c":
                "#include \"limits.h\"\nint start = 3;\nint main(int c, char **v) { return c * LIMIT + start; }\n",
            "q.c": "#include \"limits.h\"\nint main(int c, char **v) { return c + LIMIT; }\n",
        ])
        try shop.make()
        let shared = try shop.build(
            "--- a/limits.h\n+++ b/limits.h\n@@ -1 +1 @@\n-#define LIMIT 4\n+#define LIMIT 6\n", target: "prog")
        #expect(
            (shared.outputText + shared.errorText).contains("the diff changes other as well"),
            "\(shared.outputText)")
        let initial = try shop.build(
            """
            --- a/p.c
            +++ b/p.c
            @@ -1,3 +1,3 @@
             #include "limits.h"
            -int start = 3;
            +int start = 5;
             int main(int c, char **v) { return c * LIMIT + start; }

            """, target: "prog")
        #expect(exitCode(initial) == 10)
        #expect(initial.outputText.contains("changed-initial-value start"), "\(initial.outputText)")
    }
}
