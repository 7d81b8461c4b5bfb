import ELF
import Findings
import KernelImage
import TestSupport
import Testing

@testable import PatchBuilder

@Suite struct KernelClosureTests {
    static let text = """
        int value = 4; static int hidden; const int table[3] = { 1, 2, 3 };
        static __attribute__((noinline, no_instrument_function)) int untraced(int x) { return x * 5 + hidden; }
        __attribute__((noinline)) int traced(int x) { return untraced(x) + table[x & 1]; }
        __attribute__((noinline)) int caller(int x) { return traced(x) + value; }
        int (*pointer(void))(int) { return hidden ? traced : caller; }
        void hide(int x) { hidden = x; }
        """

    func closure(_ changes: [(String, String)]) throws -> KernelClosure {
        let compiler = try Compiler()
        let kernel = try FakeKernel(compiler, [("unit", Self.text)])
        var post = Self.text
        for (from, to) in changes { post = post.replacing(from, with: to) }
        return try kernel.closure(compiler, pre: Self.text, post: post)
    }

    func names(_ closure: KernelClosure) -> [String] {
        closure.replaced.map { closure.units[$0.unit].post.entities[$0.post].name }.sorted()
    }

    @Test func `replaces a changed function and leaves the rest to the kernel`() throws {
        let closure = try closure([("traced(x) + value", "traced(x) - value")])
        #expect(closure.refusals.isEmpty)
        #expect(names(closure) == ["caller"])
        #expect(closure.pieces.count == 1)
        #expect(closure.records.count == 1)
    }

    @Test func `a function that can't be redirected comes along with its callers`() throws {
        let closure = try closure([("x * 5", "x * 6")])
        #expect(closure.refusals.isEmpty)
        #expect(names(closure) == ["traced"])
        #expect(closure.pieces.count == 2)
    }

    @Test func `the address of a replaced function is the old one's`() throws {
        let closure = try closure([("x & 1", "x & 2"), ("hidden ? traced", "hidden > 2 ? traced")])
        #expect(closure.refusals.isEmpty)
        #expect(names(closure) == ["pointer", "traced"])
        let unit = closure.units[0]
        let pointer = try #require(unit.post.entities(named: "pointer").first)
        let traced = try #require(unit.post.entities(named: "traced").first)
        let piece = closure.piece(unit: 0, entity: pointer.index)
        let reference = try #require(unit.post.references(pointer).first { $0.target == .entity(traced.index) })
        #expect(
            try closure.destination(of: reference, unit: 0, from: piece).get()
                == .symbol(object: "vmlinux", name: "traced", position: 0))
    }

    @Test(arguments: [
        ("value = 4", "value = 5", "value"), ("{ 1, 2, 3 }", "{ 1, 2, 4 }", "table"),
        ("static int hidden;", "static int hidden[2];", "hidden"),
    ])
    func `refuses data that a running kernel wouldn't take over`(_ from: String, _ to: String, _ name: String)
        throws
    {
        let changes =
            [(from, to)]
            + (name == "hidden"
                ? [("+ hidden", "+ hidden[1]"), ("hidden ?", "hidden[0] ?"), ("hidden = x", "hidden[1] = x")] : [])
        let closure = try closure(changes)
        #expect(closure.refusals.contains { $0.finding.evidence.contains(.init("entity", name)) })
    }

    @Test func `new functions and variables come along`() throws {
        let closure = try closure([
            (
                "int (*pointer",
                "static int count; static __attribute__((noinline)) int extra(int x) { return x + ++count; }\nint (*pointer"
            ),
            (
                "__attribute__((noinline)) int caller(int x) { return traced(x)",
                "static int extra(int); int caller(int x) { return extra(x) + traced(x)"
            ),
        ])
        #expect(closure.refusals.isEmpty)
        let included = Set(closure.pieces.map { closure.name(of: $0) })
        #expect(included.isSuperset(of: ["caller", "extra", "count"]))
        #expect(!included.contains("value"))
    }

    @Test func `reads states and callbacks that a fix declares`() throws {
        let hook = """
            static int hook(void *o) { return 0; }
            static int (*__h)(void *) __attribute__((used, section(".tsugite.pre_patch"))) = hook;
            static const unsigned long long __s[2] __attribute__((used, section(".tsugite.states"))) = { 7, 2 };
            """
        let closure = try closure([("traced(x) + value; }", "traced(x) - value; }\n" + hook)])
        #expect(closure.refusals.isEmpty)
        #expect(KernelHooks.states(closure.units) == [KernelHooks.State(id: 7, version: 2)])
        let callback = try #require(try KernelHooks.callback("pre_patch", object: "vmlinux", closure.units))
        #expect(closure.units[0].post.entities[callback.entity].name == "hook")
        #expect(closure.contains(closure.piece(unit: 0, entity: callback.entity)))
    }

    @Test(arguments: [
        (
            "static __attribute__((noinline, no_instrument_function)) int untraced(int x) { return x * 5",
            "__attribute__((noinline, no_instrument_function)) int untraced(int x) { return x * 6",
            "it can't be redirected"
        ),
        (
            "return traced(x) + value", "extern int nowhere(int); return traced(x) + nowhere(x)",
            "which this kernel doesn't have"
        ),
        (
            "__attribute__((noinline)) int caller(int x) { return traced(x)",
            "static __attribute__((used, section(\"strange\"))) int s[2]; int caller(int x) { return s[x] + traced(x)",
            "a section of a kind that isn't known"
        ),
        (
            "__attribute__((noinline)) int caller(int x) { return traced(x)",
            "static __attribute__((section(\".data..percpu\"))) int each; int caller(int x) { return ++each + traced(x)",
            "a new variable per processor"
        ),
        (
            "__attribute__((noinline)) int caller(int x) { return traced(x)",
            "static __thread int mine; int caller(int x) { return ++mine + traced(x)", "a thread-local variable"
        ),
    ])
    func `refuses what a module can't carry`(_ from: String, _ to: String, _ reason: String) throws {
        let closure = try closure([(from, to)])
        #expect(
            closure.refusals.contains { $0.finding.message.contains(reason) },
            "\(closure.refusals.map(\.finding.message))")
    }

    @Test func `code that runs only at the start is noted, not replaced`() throws {
        let compiler = try Compiler()
        let start = "__attribute__((section(\".init.text\"))) int begin(void) { return 4; }\n"
        let kernel = try FakeKernel(compiler, [("unit", Self.text + start)])
        let closure = try kernel.closure(
            compiler, pre: Self.text + start, post: Self.text + start.replacing("4", with: "5"))
        #expect(closure.replaced.isEmpty && closure.refusals.isEmpty)
        #expect(closure.notes.contains { $0.contains("begin") && $0.contains("runs only when the kernel starts") })
    }

    @Test(arguments: [("_rs", false), ("state", true)])
    func `of variables that can't be told apart only those that count messages start anew`(
        _ name: String, _ isRefused: Bool
    ) throws {
        func block(_ count: Int) -> String {
            (0..<count).map { _ in "{ static int \(name) = 5; if (!--\(name)) traced(x); }" }.joined()
        }
        func text(_ body: String) -> String {
            Self.text.replacing("{ return traced(x) + value; }", with: "{ \(body) return traced(x) + value; }")
        }
        let compiler = try Compiler()
        let kernel = try FakeKernel(compiler, [("unit", text(block(3)))])
        let closure = try kernel.closure(compiler, pre: text(block(3)), post: text(block(2)))
        #expect(names(closure) == ["caller"])
        #expect(closure.refusals.contains { $0.finding.message.contains("several variables") } == isRefused)
        #expect(closure.refusals.isEmpty != isRefused)
    }

    @Test func `exports that come or go are told by name`() throws {
        let export = "asm(\".section \\\"___ksymtab+NAME\\\",\\\"a\\\"; __ksymtab_NAME: .long 0; .previous\");\n"
        let compiler = try Compiler()
        let pre = Self.text + export.replacing("NAME", with: "caller")
        let kernel = try FakeKernel(compiler, [("unit", pre)])
        let post =
            Self.text.replacing("traced(x) + value", with: "traced(x) - value")
            + export.replacing("NAME", with: "traced")
        let closure = try kernel.closure(compiler, pre: pre, post: post)
        #expect(closure.refusals.isEmpty && names(closure) == ["caller"])
        #expect(closure.notes.contains { $0.hasPrefix("traced is a new export") })
        #expect(closure.notes.contains { $0.hasPrefix("caller of") && $0.hasSuffix("the kernel keeps it") })
    }

    @Test func `a removed variable stays in the kernel, with a note`() throws {
        let closure = try closure([
            ("static int hidden;", ""), ("+ hidden", ""), ("hidden ?", "1 ?"), ("hidden = x;", ""),
        ])
        #expect(closure.refusals.isEmpty)
        #expect(closure.notes.contains { $0.contains("hidden") && $0.contains("keeps it") })
    }
}
