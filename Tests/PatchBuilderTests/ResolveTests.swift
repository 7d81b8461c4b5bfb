import ELF
import Findings
import Linux
import LivePatch
import TestSupport
import Testing

@testable import PatchBuilder

/// How the new code's symbols are found, on real targets.
@Suite struct ResolveTests {
    /// Each external symbol with its source, by name; several uses of one name in one list.
    private static func sources(_ patch: LivePatch) -> [String: [ExternalSymbol.Source]] {
        var found: [String: [ExternalSymbol.Source]] = [:]
        for external in patch.targets[0].externals {
            found[patch.object.symbols[external.symbol].name, default: []].append(external.source)
        }
        return found
    }

    private static let main = "int work(int); int main(int c, char **v) { return work(c); }"

    @Test func `takes what is imported already through the target's own stub and slot`() throws {
        func text(_ n: Int) -> String {
            "#include <stdio.h>\nint work(int x) { fprintf(stderr, \"%d\\n\", x); puts(\"\"); return x + \(n); }"
        }
        let builds = try TwoBuilds([.init("w.c", text(1), text(2)), .init("m.c", Self.main)], strip: true)
        let found = Self.sources(try builds.patch())
        let imports = try TargetImports(TwoBuilds.open(builds.shipped))
        #expect(found["fprintf"] == [.target(address: try #require(imports.stubs["fprintf"]))])
        // stderr is copied into the executable: its own address.
        let copy = try #require(try LinkMap(TwoBuilds.open(builds.rebuilt)).shared("stderr"))
        #expect(found["stderr"] == [.target(address: copy.address)])
    }

    @Test func `looks new imports up with the version that the library gives them now`() throws {
        let pre = "int work(int x) { return x; }"
        let post = """
            #include <stdlib.h>
            #include <string.h>
            extern int maybe(void) __attribute__((weak));
            int work(int x) { char *s = getenv("HOME"); if (maybe) x = maybe(); return x + (s ? (int)strlen(s) : 0); }
            """
        let found = Self.sources(
            try TwoBuilds([.init("w.c", pre, post), .init("m.c", Self.main)], strip: true).patch())
        #expect(found["getenv"] == [.lookup(name: "getenv", version: "GLIBC_2.2.5", weak: false)])
        #expect(found["maybe"]?.first == .lookup(name: "maybe", version: nil, weak: true))
    }

    @Test func `refuses a symbol that nothing defines`() throws {
        let pre = "int work(int x) { return x; }"
        let post = "int nowhere(int); int work(int x) { return nowhere(x); }"
        let refusals = try TwoBuilds([.init("w.c", pre, post), .init("m.c", Self.main)]).refusals()
        #expect(refusals.map(\.finding.code) == [.symbolUnresolved])
        #expect(refusals[0].finding.message.contains("nowhere"))
    }

    @Test func `goes the original way to exported and hidden symbols of a shared object`() throws {
        func text(_ n: Int) -> String {
            """
            int open_data = 3;
            __attribute__((visibility("hidden"))) int closed_data = 4;
            __attribute__((noinline)) int open_call(int x) { return x + open_data; }
            __attribute__((noinline, visibility("hidden"))) int closed_call(int x) { return x + closed_data; }
            int work(int x) { return open_call(x) + closed_call(x) + open_data + closed_data + \(n); }
            """
        }
        let builds = try TwoBuilds(
            [.init("w.c", text(1), text(2))], ["-O1", "-fPIC"], link: ["-shared"], strip: true)
        let found = Self.sources(try builds.patch())
        let imports = try TargetImports(TwoBuilds.open(builds.shipped))
        let map = try LinkMap(TwoBuilds.open(builds.rebuilt))
        #expect(found["open_call"] == [.target(address: try #require(imports.stubs["open_call"]))])
        #expect(found["open_data"] == [.slot(address: try #require(imports.slots["open_data"]))])
        #expect(found["closed_call"] == [.target(address: try #require(map.shared("closed_call")?.address))])
        #expect(found["closed_data"] == [.target(address: try #require(map.shared("closed_data")?.address))])
    }

    @Test(arguments: [
        (["-O1", "-fno-pie"], ["-no-pie"]), (["-O1", "-fPIE"], ["-pie"]), (["-O1", "-fPIC"], ["-pie"]),
        (["-O1", "-fPIC", "-mtls-dialect=gnu2"], ["-pie"]), (["-O1", "-fno-pie"], ["-static"]),
    ])
    func `finds thread-local variables of an executable`(flags: [String], link: [String]) throws {
        func text(_ n: Int) -> String {
            "static _Thread_local int mine = 3; _Thread_local int shared[5]; int work(int x) { mine += x; return shared[x] + mine + \(n); }"
        }
        let builds = try TwoBuilds([.init("w.c", text(1), text(2)), .init("m.c", Self.main)], flags, link: link)
        let patch = try builds.patch()
        let map = try LinkMap(TwoBuilds.open(builds.rebuilt))
        let found = Self.sources(patch)
        #expect(
            found["mine"]?.first == .threadLocal(offset: try #require(map.entries(named: "mine").first?.address)))
        #expect(found["shared"]?.first == .threadLocal(offset: try #require(map.shared("shared")?.address)))
        let segment = try #require(try TwoBuilds.open(builds.shipped).segments.first { $0.type == .tls })
        let size = (segment.memorySize + segment.alignment - 1) / segment.alignment * segment.alignment
        #expect(patch.targets[0].threadStorage == .executable(blockSize: size))
    }

    @Test(arguments: [["-ftls-model=initial-exec"], ["-ftls-model=global-dynamic"], ["-ftls-model=local-dynamic"]])
    func `finds thread-local variables of a shared object`(model: [String]) throws {
        func text(_ n: Int) -> String {
            "static _Thread_local int first = 2, mine = 3; int work(int x) { first++; mine += x; return mine + first + \(n); }"
        }
        let builds = try TwoBuilds(
            [.init("w.c", text(1), text(2))], ["-O1", "-fPIC"] + model, link: ["-shared"], strip: true)
        let patch = try builds.patch()
        guard case .slots(let module, let offset, let variable) = patch.targets[0].threadStorage else {
            Issue.record("no slots")
            return
        }
        if model == ["-ftls-model=initial-exec"] {
            #expect(module == nil && offset != nil && variable < 8)
        } else {
            #expect(module != nil)
        }
    }

    @Test func `refuses a new thread-local variable by name`() throws {
        let pre = "int work(int x) { return x; }"
        let post = "static _Thread_local int fresh; int work(int x) { return fresh += x; }"
        let refusals = try TwoBuilds([.init("w.c", pre, post), .init("m.c", Self.main)]).refusals()
        #expect(refusals.map(\.finding.code) == [.threadLocalNew])
        #expect(refusals[0].finding.message.contains("fresh"))
    }

    @Test(arguments: [["-static"], ["-pie"]])
    func `reaches a function that is chosen at start through its slot`(link: [String]) throws {
        func text(_ n: Int) -> String {
            """
            #include <string.h>
            static int plain(int x) { return x; }
            static void *choose(void) { return plain; }
            __attribute__((visibility("hidden"))) int chosen(int) __attribute__((ifunc("choose")));
            int work(int x) { return chosen(x) + (int)strlen((char *)&x) + \(n); }
            """
        }
        let flags = link == ["-static"] ? ["-O1", "-fno-pie"] : ["-O1", "-fPIE"]
        let builds = try TwoBuilds([.init("w.c", text(1), text(2)), .init("m.c", Self.main)], flags, link: link)
        let found = Self.sources(try builds.patch())
        guard case .slot = try #require(found["chosen"]?.first) else {
            Issue.record("\(found)")
            return
        }
        if link == ["-static"] {
            guard case .slot = try #require(found["strlen"]?.first) else {
                Issue.record("\(found)")
                return
            }
        }
    }

    @Test func `keeps two static functions of one name apart`() throws {
        func unit(_ n: Int, _ m: Int) -> String {
            """
            static int state; __attribute__((noinline)) static int helper(int x) { state += x; return x * \(n) + state; }
            int use\(n)(int x) { return helper(x) + \(m); }
            """
        }
        let main = "int use3(int); int use5(int); int main(int c, char **v) { return use3(c) + use5(c); }"
        let builds = try TwoBuilds(
            [
                .init("a/util.c", unit(3, 0), unit(3, 1)), .init("b/util.c", unit(5, 0), unit(5, 1)),
                .init("m.c", main),
            ])
        let patch = try builds.patch()
        #expect(patch.targets[0].functions.map(\.name) == ["use3", "use5"])
        let addresses = Self.sources(patch)["helper"] ?? []
        #expect(addresses.count == 2 && addresses[0] != addresses[1])
        let old = try LinkMap(TwoBuilds.open(builds.rebuilt)).entries(named: "helper").map(\.address)
        for address in old { #expect(addresses.contains(.target(address: address))) }
    }

    @Test func `sends calls and addresses of one function different ways`() throws {
        func text(_ n: Int) -> String {
            """
            #include <stdlib.h>
            #include <string.h>
            int work(int x) { void *(*f)(size_t) = malloc; char *p = malloc(x); return (p != 0 && f != 0) + \(n); }
            void *keep(void) { return (void *)malloc; }
            """
        }
        let builds = try TwoBuilds([.init("w.c", text(1), text(2))], ["-O0", "-fPIC"], link: ["-shared"])
        let imports = try TargetImports(TwoBuilds.open(builds.shipped))
        let found = Set(Self.sources(try builds.patch())["malloc"]?.map(\.text) ?? [])
        var expected: Set<String> = ["slot " + hex(try #require(imports.slots["malloc"]))]
        if let stub = imports.stubs["malloc"] { expected.insert("target " + hex(stub)) }
        #expect(found == expected)
    }
}
