import Findings
import LivePatch
import TestSupport
import Testing

@testable import PatchBuilder

/// Changed types, found in the debug information of real objects.
@Suite struct LayoutTests {
    private static let main = "int work(int); int main(int c, char **v) { return work(c); }"
    private static let flags = ["-O2", "-fPIE", "-g", "-gdwarf-4"]

    /// A program that keeps a list of objects on the heap, so that old ones are there.
    private static func program(_ type: String, use: String = "n->b") -> String {
        """
        #include <stdlib.h>
        \(type)
        static struct node *head;
        __attribute__((noinline)) void add(int x) { struct node *n = malloc(sizeof *n); n->next = head; n->b = x; head = n; }
        __attribute__((noinline)) int sum(void) { int s = 0; for (struct node *n = head; n; n = n->next) s += \(use); return s; }
        int work(int x) { add(x); return sum(); }
        """
    }

    private func refusals(
        _ pre: String, _ post: String, driver: Compiler.Driver = .gcc, name: String = "w.c", use: String = "n->b"
    ) throws -> [BuildError] {
        try TwoBuilds(
            [
                .init(name, Self.program(pre), Self.program(post, use: use)),
                .init(name == "w.c" ? "m.c" : "m.cpp", Self.main),
            ], Self.flags, driver: driver
        ).refusals()
    }

    @Test(arguments: CompareTests.drivers)
    func `refuses a struct that grew, with type, field and users`(driver: Compiler.Driver) throws {
        let found = try refusals(
            "struct node { struct node *next; int b; };",
            "struct node { struct node *next; int b; int c; int d; };",
            driver: driver, use: "n->b + n->c")
        let finding = try #require(found.first { $0.finding.code == .layoutChanged }?.finding)
        let text = finding.description
        #expect(text.contains("struct node") && text.contains("size: 16 bytes before, 24 after"))
        #expect(text.contains("c: new") && text.contains("add") && text.contains("sum"))
    }

    @Test func `refuses a field that went into a hole, where the size stays`() throws {
        let found = try refusals(
            "struct node { struct node *next; int b; };", "struct node { struct node *next; int b; int c; };",
            use: "n->b + n->c")
        #expect(found.contains { $0.finding.code == .layoutChanged })
    }

    @Test func `refuses fields that changed places`() throws {
        let found = try refusals(
            "struct node { struct node *next; int b, c; };", "struct node { struct node *next; int c, b; };")
        #expect(found.contains { $0.finding.code == .layoutChanged && $0.finding.description.contains("b: moved") })
    }

    @Test func `refuses a bit field in bits that were free`() throws {
        let found = try refusals(
            "struct node { struct node *next; int b; unsigned f : 1; };",
            "struct node { struct node *next; int b; unsigned f : 1, g : 1; };", use: "n->b + n->g")
        #expect(found.contains { $0.finding.description.contains("g: new, at bit 97") })
    }

    @Test func `refuses an enumerator with another value, takes a new one`() throws {
        func text(_ values: String, _ test: String) -> String {
            """
            enum state { \(values) }; struct node { enum state s; }; static struct node n;
            int work(int x) { if (n.s == \(test)) return 7; n.s = (enum state)x; return 0; }
            """
        }
        func refusals(_ pre: String, _ post: String) throws -> [BuildError] {
            try TwoBuilds([.init("w.c", pre, post), .init("m.c", Self.main)], Self.flags).refusals()
        }
        #expect(
            try refusals(text("A, B", "B"), text("A, C, B", "B")).contains { $0.finding.code == .layoutChanged })
        #expect(try refusals(text("A, B", "B"), text("A, B, C", "C")).isEmpty)
    }

    @Test func `takes another layout of what only lives on the stacks of replaced functions`() throws {
        func text(_ more: String, _ use: String) -> String {
            """
            struct state { int a; \(more) };
            static __attribute__((noinline)) int step(struct state *s, int x) { s->a += x; \(use) return s->a; }
            int work(int x) { struct state s = { 0 }; for (int i = 0; i < x; i++) step(&s, i); return step(&s, 3); }
            """
        }
        let builds = try TwoBuilds(
            [.init("w.c", text("", ""), text("long b;", "s->b += s->a;")), .init("m.c", Self.main)], Self.flags)
        let patch = try builds.patch()
        #expect(Set(patch.targets[0].functions.map(\.name)).isSuperset(of: ["work"]))
    }

    @Test func `doesn't take it if a function that isn't replaced sees the type`() throws {
        func text(_ more: String, _ use: String) -> String {
            """
            struct state { int a; \(more) };
            __attribute__((noinline)) int peek(struct state *s) { return s->a; }
            int work(int x) { struct state s = { x }; \(use) return peek(&s); }
            """
        }
        let found = try TwoBuilds(
            [.init("w.c", text("", ""), text("long b;", "s.b = x;")), .init("m.c", Self.main)], Self.flags
        ).refusals()
        #expect(found.contains { $0.finding.code == .layoutChanged })
    }

    @Test func `finds a virtual function that moved the others`() throws {
        func text(_ more: String) -> String {
            """
            struct base { virtual ~base() {} \(more) virtual int f(int x) { return x + 1; } int a; };
            static base *kept; int work(int x) { if (!kept) kept = new base; return kept->f(x); }
            """
        }
        let found = try TwoBuilds(
            [.init("w.cpp", text(""), text("virtual int g(int x) { return x; }")), .init("m.cpp", Self.main)],
            Self.flags, link: ["-pie", "-lstdc++"], driver: .gxx
        ).refusals()
        #expect(
            found.contains {
                $0.finding.code == .layoutChanged && $0.finding.description.contains("virtual f: moved")
            })
    }

    @Test func `names nameless types by their typedef or variable`() throws {
        func text(_ more: String, _ use: String) -> String {
            """
            typedef struct { int a; \(more) } pair_t; static struct { int x; \(more) } top; static pair_t *all;
            int work(int x) { top.x += x; all = all ? all : (pair_t *)__builtin_malloc(sizeof *all); \(use) return all->a + top.x; }
            """
        }
        let found = try TwoBuilds(
            [.init("w.c", text("", ""), text("int b;", "all->b = top.b;")), .init("m.c", Self.main)], Self.flags
        ).refusals().map(\.finding.description).joined()
        #expect(found.contains("layout of pair_t") && found.contains("type of top"))
    }
}
