import ELF
import Findings
import Linux
import LivePatch
import TestSupport
import Testing

@testable import PatchBuilder

/// From comparison to patch file.
@Suite struct PackageTests {
    private static let main = "int work(int); int main(int c, char **v) { return work(c); }"

    @Test(arguments: CompareTests.drivers, [["-O0", "-fPIE"], ["-O2", "-fPIE"], ["-O2", "-fno-pie"]])
    func `brings along what is new and leaves what is there`(driver: Compiler.Driver, flags: [String]) throws {
        let pre = """
            #include <stdio.h>
            static int kept = 3; int gone(int x) { return x; }
            __attribute__((noinline)) static int helper(int x) { return x + kept; }
            int work(int x) { return helper(x); }
            int rest(int x) { return helper(x) + gone(x); }
            """
        let post = """
            #include <stdio.h>
            static int kept = 3, fresh = 8; static const int limits[4] = {1, 2, 3, 4}; int gone(int x) { return x; }
            __attribute__((noinline)) static int helper(int x) { return x + kept; }
            __attribute__((noinline)) static int added(int x) { fresh += x; puts("added"); return limits[x & 3] + fresh; }
            int work(int x) { switch (x) { case 0: return added(3); case 1: return added(9) + 1; case 2: return 99; case 3: return helper(3);
               case 4: return added(x) * 7; case 5: return -1; } return helper(x) + added(x); }
            int rest(int x) { return helper(x) + gone(x); }
            """
        let link = flags.contains("-fno-pie") ? ["-no-pie"] : ["-pie"]
        let builds = try TwoBuilds(
            [.init("w.c", pre, post), .init("m.c", Self.main)], flags, link: link, driver: driver)
        let patch = try builds.patch()
        #expect(patch.targets[0].functions.map(\.name) == ["work"])
        let defined = Set(patch.object.symbols.filter { $0.section != nil }.map(\.name))
        #expect(defined.isSuperset(of: ["work", "added", "fresh", "limits"]))
        #expect(defined.isDisjoint(with: ["helper", "kept", "rest", "gone"]))
        let external = Set(patch.targets[0].externals.map { patch.object.symbols[$0.symbol].name })
        #expect(external.contains("helper") && external.contains("puts"))
    }

    @Test func `records the shipped bytes of function and cold part`() throws {
        func text(_ n: Int) -> String {
            """
            #include <stdlib.h>
            __attribute__((cold, noinline)) static void fail(int x) { exit(x); }
            int work(int x) { int s = 0; for (int i = 0; i < x; i++) { if (__builtin_expect(s > 999 + i, 0)) { fail(s); abort(); } s += i * \(n); } return s; }
            """
        }
        let builds = try TwoBuilds([.init("w.c", text(3), text(5)), .init("m.c", Self.main)], strip: true)
        let patch = try builds.patch()
        let function = try #require(patch.targets[0].functions.first)
        let file = try TwoBuilds.open(builds.shipped)
        #expect(
            function.original
                == (try file.contents(atAddress: function.address, count: UInt64(function.original.count)).bytes))
        #expect(function.parts.count == 1)
        for part in function.parts {
            #expect(
                part.original
                    == (try file.contents(atAddress: part.address, count: UInt64(part.original.count)).bytes))
        }
    }

    @Test func `keeps the landing pad of protected entries`() throws {
        func text(_ n: Int) -> String { "int work(int x) { return x * \(n); }" }
        let builds = try TwoBuilds(
            [.init("w.c", text(3), text(5)), .init("m.c", Self.main)], ["-O2", "-fPIE", "-fcf-protection=full"])
        #expect(try builds.patch().targets[0].functions.map(\.entrySkip) == [4])
    }

    @Test func `uses the filler behind a short function`() throws {
        func text(_ body: String) -> String { "int work(int x) { \(body) }\nint next(int x) { return x * 9; }" }
        let builds = try TwoBuilds(
            [.init("w.c", text("return 0;"), text("return x;")), .init("m.c", Self.main)],
            ["-O2", "-fPIE", "-fcf-protection=none"])
        let function = try #require(try builds.patch().targets[0].functions.first)
        #expect(function.size < 5 && function.original.count == 5)
    }

    @Test func `refuses a function without room for the jump`() throws {
        func text(_ body: String) -> String {
            "int next(int x) { return x * 9; }\nint work(int x) { \(body) }\nint last(int x) { return x * 3 + 1; }"
        }
        let builds = try TwoBuilds(
            [.init("w.c", text("return 0;"), text("return x;")), .init("m.c", Self.main)],
            ["-Os", "-fPIE", "-fcf-protection=none"])
        let refusals = try builds.refusals()
        #expect(refusals.map(\.finding.code) == [.functionShort])
        #expect(refusals[0].finding.message.hasPrefix("work"))
    }

    @Test func `brings the unwind information of included functions only`() throws {
        let pre = "int other(int x) { return x; } int work(int x) { return x; }"
        let post = "int other(int x) { return x; } int work(int x) { return x + 1; }"
        let patch = try TwoBuilds([.init("w.c", pre, post), .init("m.c", Self.main)], ["-O0", "-fPIE"]).patch()
        let frames = patch.object.sections.filter { $0.name == ".eh_frame" }
        #expect(frames.count == 1)
        let starts = frames[0].relocations.map { patch.object.symbols[$0.symbol].name }
        #expect(starts == ["work"])
        // A CIE and an FDE whose distance leads to it.
        let bytes = ByteView(frames[0].contents)
        let length = Int(try bytes.load(0, as: UInt32.self))
        #expect(try bytes.load(4, as: UInt32.self) == 0)
        #expect(Int(try bytes.load(length + 8, as: UInt32.self)) == length + 8)
    }

    @Test func `answers nothing to do for a change of comments`() throws {
        let pre = "int work(int x) { return x; }"
        let outcome = try TwoBuilds([.init("w.c", pre, pre + "// done\n"), .init("m.c", Self.main)]).outcome()
        guard case .nothingToDo = outcome else {
            Issue.record("\(outcome)")
            return
        }
    }

    @Test func `is the same to the byte when made again`() throws {
        func text(_ n: Int) -> String {
            "#include <stdio.h>\nint work(int x) { puts(\"a\"); puts(\"b\"); printf(\"%d\", x); return x + \(n); }"
        }
        let builds = try TwoBuilds([.init("w.c", text(1), text(2)), .init("m.c", Self.main)])
        #expect(try builds.patch().encoded() == builds.patch().encoded())
    }

    @Test func `shares sections between targets of the same objects`() throws {
        func text(_ n: Int) -> String { "int work(int x) { return x * \(n); }" }
        let sources = [TwoBuilds.Source("w.c", text(3), text(5)), .init("m.c", Self.main)]
        let one = try TwoBuilds(sources)
        let two = try TwoBuilds(sources + [.init("extra.c", "int extra(int x) { return x - 3; }")])
        let identity = PatchIdentity(name: "two", changes: [Digest(of: [1])], diff: [])
        let outcome = try PatchAssembly.join(
            identity, [TargetPatch(one.input()), TargetPatch(two.input())], manifest: [])
        guard case .patch(let patch) = outcome else {
            Issue.record("\(outcome)")
            return
        }
        try patch.validate()
        #expect(patch.targets.count == 2 && patch.targets[0].sections == patch.targets[1].sections)
        #expect(patch.targets[0].buildID != patch.targets[1].buildID)
    }

    @Test func `refuses data that can't change in place`() throws {
        func text(_ size: Int) -> String { "int table[\(size)]; int work(int x) { return table[x] + \(size); }" }
        let refusals = try TwoBuilds(
            [.init("w.c", text(4), text(8)), .init("m.c", Self.main)], ["-O2", "-fPIE", "-fno-common"]
        ).refusals()
        #expect(refusals.map(\.finding.code) == [.dataChanged])
        #expect(refusals[0].finding.message.contains("from 16 to 32 bytes"))
    }

    @Test func `refuses code that starts with the program`() throws {
        let pre = "int state; int work(int x) { return state; }"
        let post =
            "int state; __attribute__((constructor)) static void begin(void) { state = 3; } int work(int x) { return state + x; }"
        let refusals = try TwoBuilds([.init("w.c", pre, post), .init("m.c", Self.main)]).refusals()
        #expect(refusals.map(\.finding.code) == [.constructorNew])
    }

    @Test func `patches a target of another layout at its own addresses`() throws {
        func text(_ n: Int) -> String {
            """
            #include <stdio.h>
            static int count; __attribute__((noinline)) static int helper(int x) { count += x; return count; }
            int work(int x) { printf("%d\\n", helper(x)); return x + \(n); }
            """
        }
        let extra = TwoBuilds.Source(
            "extra.c", "int extra(int x) { int s = 0; for (int i = 0; i < x; i++) s += i * x; return s; }")
        var builds = try TwoBuilds([.init("w.c", text(1), text(2)), .init("m.c", Self.main)])
        let shipped = try TwoBuilds([extra, .init("w.c", text(1)), .init("m.c", Self.main)], strip: false)
        let map = try LinkMap(TwoBuilds.open(shipped.rebuilt))
        _ = try shipped.compiler.run("/usr/bin/strip", ["-o", shipped.compiler.path("shipped"), shipped.rebuilt])
        builds.shipped = shipped.compiler.path("shipped")
        let patch = try withExtendedLifetime(shipped) { try builds.patch() }
        #expect(patch.targets[0].functions.map(\.address) == [try #require(map.shared("work")?.address)])
        let helper = try #require(
            patch.targets[0].externals.first { patch.object.symbols[$0.symbol].name == "helper" })
        #expect(helper.source == .target(address: try #require(map.entries(named: "helper").first?.address)))
    }

    @Test func `finds static functions by their code where the link dropped their names`() throws {
        func text(_ n: Int) -> String {
            """
            #include <stdio.h>
            static int count; static int other;
            __attribute__((noinline)) static int helper(int x) { count += x; other -= x; printf("%d\\n", x); return count * \(n); }
            int work(int x) { return helper(x) + helper(x + 1); }
            int rest(void) { return count + other; }
            """
        }
        let builds = try TwoBuilds(
            [.init("w.c", text(3), text(5)), .init("m.c", Self.main)], link: ["-pie", "-Wl,-x"])
        #expect(try LinkMap(TwoBuilds.open(builds.rebuilt)).entries(named: "helper").isEmpty)
        let patch = try builds.patch()
        #expect(patch.targets[0].functions.map(\.name) == ["helper"])
        let found = patch.targets[0].externals.filter {
            ["count", "other"].contains(patch.object.symbols[$0.symbol].name)
        }
        #expect(found.count == 2)
    }

    @Test func `refuses to cut a function out of a section that it shares`() throws {
        func text(_ n: Int) -> String {
            """
            #define PLACE __attribute__((noinline, section("shared_code")))
            PLACE static int helper(int x) { return x * 9; }
            PLACE int work(int x) { return helper(x) + \(n); }
            """
        }
        let refusals = try TwoBuilds([.init("w.c", text(1), text(2)), .init("m.c", Self.main)]).refusals()
        #expect(refusals.map(\.finding.code) == [.objectUnsupported])
    }

    @Test func `patches inline functions of C++ once, with their exception tables`() throws {
        func header(_ n: Int) -> String {
            """
            #include <stdexcept>
            #include <string>
            struct Box { int value; __attribute__((noinline)) int read(int x) const; };
            inline int Box::read(int x) const { try { if (x > value) throw std::runtime_error("big"); return value + \(n); }
              catch (const std::exception &e) { return (int)std::string(e.what()).size(); } }
            """
        }
        func unit(_ name: String, _ n: Int) -> String {
            header(n) + "int \(name)(int x) { Box b{x * 2}; return b.read(x); }\n"
        }
        let main = "int one(int); int two(int); int main(int c, char **) { return one(c) + two(c); }"
        let builds = try TwoBuilds(
            [
                .init("one.cpp", unit("one", 1), unit("one", 2)), .init("two.cpp", unit("two", 1), unit("two", 2)),
                .init("m.cpp", main),
            ],
            ["-O2", "-fPIE", "-fno-ipa-sra"], driver: .gxx)
        let patch = try builds.patch()
        #expect(patch.targets[0].functions.map(\.name) == ["_ZNK3Box4readEi"])
        #expect(patch.object.sections.contains { $0.name.hasPrefix(".gcc_except_table") })
        let frames = patch.object.sections.filter { $0.name == ".eh_frame" }
        #expect(frames.count == 1)
        let names = frames[0].relocations.map { patch.object.symbols[$0.symbol].name }
        #expect(
            names.contains { $0.hasPrefix(".gcc_except_table") }
                && names.contains { $0.contains("__gxx_personality_v0") })
    }
}
