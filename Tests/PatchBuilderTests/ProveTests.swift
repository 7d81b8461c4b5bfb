import ELF
import Findings
import Linux
import LivePatch
import TestSupport
import Testing

@testable import PatchBuilder

/// The three degrees of proof, on real links.
@Suite struct ProveTests {
    static let library = """
        #include <stdio.h>
        #include <string.h>
        static int calls; int total = 5;
        static const char *names[] = {"zero", "one", "two"};
        __attribute__((noinline)) static int scale(int x) { calls++; return x * 3 + total; }
        int exported(const char *s) { printf("%s %d\\n", s, scale((int)strlen(s))); return calls; }
        int pick(int x) { switch (x) { case 0: return exported(names[0]); case 1: return exported("other"); case 2: return 9;
            case 3: return exported("more"); case 4: return scale(4); case 5: return 11; } return 0; }
        int small(void) { return total; }
        """
    static let main = "int pick(int); int small(void); int main(int c, char **v) { return pick(c) + small(); }"

    static func pair(_ text: String, _ other: String, _ flags: [String], _ link: [String]) throws -> (
        ELFFile, ELFFile, Compiler
    ) {
        let compiler = try Compiler()
        func file(_ text: String, _ name: String) throws -> ELFFile {
            try ELFFile(
                ByteStorage(reading: try compiler.compile(text, flags + link + ["-Wl,--build-id"], name: name)))
        }
        return (try file(text, "shipped"), try file(other, "rebuilt"), compiler)
    }

    @Test func `calls equal files proven by build-id`() throws {
        let builds = try TwoBuilds([.init("l.c", Self.library), .init("m.c", Self.main)], strip: true)
        let proven = try ProvenTarget(
            shipped: TwoBuilds.open(builds.shipped), rebuilt: TwoBuilds.open(builds.rebuilt))
        #expect(proven.proof.tier == .sameBuildID && proven.proof.share == 1)
    }

    @Test func `sees through a build-id that only differs by notes`() throws {
        let compiler = try Compiler()
        let one = try compiler.compile(Self.library + Self.main, ["-O2", "-Wl,--build-id=0x11223344"], name: "one")
        let two = try compiler.compile(Self.library + Self.main, ["-O2", "-Wl,--build-id=0x55667788"], name: "two")
        let proven = try ProvenTarget(shipped: TwoBuilds.open(one), rebuilt: TwoBuilds.open(two))
        #expect(proven.proof.tier == .sameImage)
    }

    @Test(arguments: [
        ["-O2", "-fPIE", "-pie"], ["-O2", "-fno-pie", "-no-pie"], ["-O2", "-fPIC", "-shared"],
        ["-O0", "-pie", "-fPIE"],
    ])
    func `finds every function again behind one that grew`(flags: [String]) throws {
        let shifted =
            "int extra(int x) { static int n; for (int i = 0; i < x; i++) n += i * x; return n; }\n" + Self.library
        let text = flags.contains("-shared") ? "" : Self.main
        let (shipped, rebuilt, _) = try Self.pair(shifted + text, Self.library + text, flags, [])
        let proven = try ProvenTarget(shipped: shipped, rebuilt: rebuilt)
        #expect(proven.proof.tier == .functions)
        let (old, new) = (try LinkMap(rebuilt), try LinkMap(shipped))
        for name in ["exported", "pick", "small", "scale", "calls", "total"] {
            let expected = new.entries(named: name).first?.address
            let address = try #require(old.entries(named: name).first?.address)
            #expect(proven.translate(address) == expected, "\(name)")
        }
        let edges: Set<String> = [
            "_start", "_init", "_fini", "deregister_tm_clones", "register_tm_clones", "__do_global_dtors_aux",
            "frame_dummy",
        ]
        let wrong = proven.layout?.mismatches.keys.compactMap { address in
            old.functions().first { $0.address == address }?.name
        }
        #expect(Set(wrong ?? []).subtracting(edges).isEmpty)
    }

    @Test func `finds them in a stripped file too`() throws {
        let compiler = try Compiler()
        let shifted =
            "int extra(int x) { static int n; for (int i = 0; i < x; i++) n += i * x; return n; }\n" + Self.library
        let full = try compiler.compile(shifted + Self.main, ["-O2"], name: "full")
        _ = try compiler.run("/usr/bin/strip", ["-o", compiler.path("shipped"), full])
        let rebuilt = try compiler.compile(Self.library + Self.main, ["-O2"], name: "rebuilt")
        let proven = try ProvenTarget(
            shipped: TwoBuilds.open(compiler.path("shipped")), rebuilt: TwoBuilds.open(rebuilt))
        let (old, new) = (try LinkMap(TwoBuilds.open(rebuilt)), try LinkMap(TwoBuilds.open(full)))
        for name in ["exported", "pick", "scale", "calls"] {
            let address = try #require(old.entries(named: name).first?.address)
            #expect(proven.translate(address) == new.entries(named: name).first?.address, "\(name)")
        }
    }

    @Test func `notices a function that only calls something else`() throws {
        let text = """
            __attribute__((noinline)) int good(int x) { return x * 7; }
            __attribute__((noinline)) int evil(int x) { return x * 9; }
            int user(int x) { return CALL(x) + 1; }
            int main(int c, char **v) { return user(c) + good(c) + evil(c); }
            """
        let (shipped, rebuilt, _) = try Self.pair(
            text.replacing("CALL", with: "evil"), text.replacing("CALL", with: "good"), ["-O1"], [])
        let proven = try ProvenTarget(shipped: shipped, rebuilt: rebuilt)
        let address = try #require(try LinkMap(rebuilt).shared("user")?.address)
        #expect(proven.mismatch(ofFunctionAt: address)?.reason.contains("good") == true)
        #expect(proven.translate(address) == nil)
    }

    @Test func `refuses other flags by function, offset and bytes`() throws {
        var builds = try TwoBuilds(
            [.init("main.c", SimpleChange.source("1"), SimpleChange.source("2"))], ["-O2", "-fPIE"])
        let other = try TwoBuilds([.init("main.c", SimpleChange.source("1"))], ["-O0", "-fPIE"])
        builds.shipped = other.rebuilt
        let refusals = try withExtendedLifetime(other) { try builds.refusals() }
        let refusal = try #require(refusals.first { $0.finding.code == .proofFunction })
        let facts = Dictionary(uniqueKeysWithValues: refusal.finding.evidence.map { ($0.name, $0.value) })
        #expect(facts["function"] == "answer")
        #expect(facts["offset"] != nil && facts["expected"]?.isEmpty == false && facts["found"]?.isEmpty == false)
        #expect(facts["cause"]?.contains("other flags") == true)
    }

    @Test func `refuses a target of another program`() throws {
        var builds = try TwoBuilds([.init("main.c", SimpleChange.source("1"), SimpleChange.source("2"))])
        builds.shipped = "/bin/true"
        #expect(try builds.refusals().contains { [.proofFunction, .proofReference].contains($0.finding.code) })
        let proven = try ProvenTarget(shipped: TwoBuilds.open("/bin/true"), rebuilt: TwoBuilds.open(builds.rebuilt))
        #expect(proven.proof.share < 0.6)
    }

    @Test(
        arguments: CompareTests.drivers,
        [["-O0", "-fPIE"], ["-O2", "-fPIE"], ["-O2", "-fno-pie"], ["-O3", "-fPIC"], ["-Os", "-fPIE"]])
    func `matches what was compiled for comparing with what was linked`(driver: Compiler.Driver, flags: [String])
        throws
    {
        let link = flags.contains("-fno-pie") ? ["-no-pie"] : ["-pie"]
        let builds = try TwoBuilds(
            [.init("l.c", Self.library), .init("m.c", Self.main)], flags, link: link, driver: driver)
        let placer = try UnitPlacer(TwoBuilds.open(builds.rebuilt))
        for pair in builds.pairs {
            let model = try builds.model(pair.pre)
            let placement = placer.place(model)
            for entity in model.entities where entity.kind == .function {
                let address = try #require(placement.addresses[entity.index], "\(entity.name)")
                let match = placer.match(model, entity, at: address)
                #expect(throws: Never.self) { try match.get() }
            }
        }
    }

    @Test func `tells two files of one name apart by their code`() throws {
        func util(_ factor: Int) -> String {
            "static int state; __attribute__((noinline)) static int helper(int x) { state += x; return x * \(factor) + state; } int use\(factor)(int x) { return helper(x) + 1; }"
        }
        let main = "int use3(int); int use5(int); int main(int c, char **v) { return use3(c) + use5(c); }"
        let builds = try TwoBuilds([.init("a/util.c", util(3)), .init("b/util.c", util(5)), .init("main.c", main)])
        let placer = try UnitPlacer(TwoBuilds.open(builds.rebuilt))
        var groups: Set<Int?> = []
        for index in 0..<2 {
            let model = try builds.model(builds.pairs[index].pre)
            let placement = placer.place(model, order: 1 - index)
            groups.insert(placement.group)
            let helper = try #require(model.entities(named: "helper").first)
            let address = try #require(placement.addresses[helper.index])
            #expect(throws: Never.self) { try placer.match(model, helper, at: address).get() }
        }
        #expect(groups.count == 2)
    }
}
