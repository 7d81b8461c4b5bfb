import Findings
import Linux
import Testing

@testable import PatchBuilder

/// A small tree of a kernel's shape.
private struct Tree: ~Copyable {
    let directory: TemporaryDirectory
    var path: String { directory.path }

    init(_ files: [String: String]) throws {
        let made = try TemporaryDirectory(prefix: "tsugite-kernel")
        let path = made.path
        try FileSystem.makeDirectory(path + "/cache")
        for (name, text) in files {
            try FileSystem.makeDirectory(FileSystem.parent(of: "\(path)/source/\(name)"))
            try FileSystem.replace("\(path)/source/\(name)", with: text)
        }
        directory = made
    }

    /// What an edit of one file reaches.
    func reach(_ edited: String, _ text: String, limit: Int = 120) throws -> KernelReach.Result {
        try FileSystem.replace(path + "/post", with: text)
        let file = StabilisedFile(
            path: edited, role: .source, change: .edited, postFile: path + "/post", regions: [],
            shiftedLines: 0)
        var reach = KernelReach(source: path + "/source", cache: path + "/cache")
        reach.limit = limit
        return try reach.find(StabilisedDiff(files: [file], diffFile: "", digest: "", notes: []))
    }
}

@Suite struct KernelReachTests {
    static let files = [
        "net/a/trace.h": "static inline int near(int x) { return x; }\n",
        "net/a/one.c": "#include \"trace.h\"\nint one(void) { return near(1); }\n",
        "net/a/two.c": "#include \"trace.h\"\nint two(void) { return 2; }\n",
        "net/a/Makefile": "obj-y := one.o two.o\n",
        "net/b/trace.h": "#include <linux/shared.h>\nstatic inline int near(int x) { return x; }\n",
        "net/b/three.c": "#include \"trace.h\"\nint three(void) { return near(3); }\n",
        "include/linux/shared.h": "#define LIMIT 4\n#define TWICE (LIMIT * 2)\n",
        "include/asm-generic/thing.h": "#define THING 1\n",
        "fs/four.c": "#include <linux/shared.h>\nint four(void) { return TWICE; }\n",
        "fs/five.c": "#include <asm/thing.h>\nint five(void) { return THING; }\n",
    ]

    @Test func `a header reaches those who use the touched name, and only through their own file of that name`()
        throws
    {
        let tree = try Tree(Self.files)
        let near = "static inline int near(int x) { return x + 1; }\n"
        #expect(try tree.reach("net/a/trace.h", near).sources == ["net/a/one.c"])
        #expect(try tree.reach("net/b/trace.h", "#include <linux/shared.h>\n" + near).sources == ["net/b/three.c"])
    }

    @Test func `names are followed from definition to definition, and through generated headers`() throws {
        let tree = try Tree(Self.files)
        let shared = "#define LIMIT 5\n#define TWICE (LIMIT * 2)\n"
        #expect(try tree.reach("include/linux/shared.h", shared).sources == ["fs/four.c"])
        #expect(try tree.reach("include/asm-generic/thing.h", "#define THING 2\n").sources == ["fs/five.c"])
    }

    @Test func `a name of one driver's header isn't followed into files that don't include it`() throws {
        let tree = try Tree(
            Self.files.merging([
                "block/own.h":
                    "#include <linux/shared.h>\n#define MAKE(sync) int sync(void)\nMAKE(sync) { return LIMIT; }\n",
                "block/own.c": "#include \"own.h\"\nint own(void) { return sync(); }\n",
                "include/linux/other.h": "#include <linux/shared.h>\nint wait(int sync);\n",
                "fs/six.c": "#include <linux/other.h>\nint six(int sync) { return wait(sync); }\n",
            ]) { $1 })
        let shared = "#define LIMIT 5\n#define TWICE (LIMIT * 2)\n"
        #expect(try tree.reach("include/linux/shared.h", shared).sources == ["block/own.c", "fs/four.c"])
    }

    @Test func `a name is followed into a header that doesn't include its own, where a source includes both`()
        throws
    {
        let tree = try Tree(
            Self.files.merging([
                "net/c/first.h": "#include <linux/shared.h>\n#define FIRST LIMIT\n",
                "net/c/second.h": "#include <linux/shared.h>\n#define SECOND FIRST\n",
                "net/c/both.c": "#include \"first.h\"\n#include \"second.h\"\nint both(void) { return SECOND; }\n",
            ]) { $1 })
        let shared = "#define LIMIT 5\n#define TWICE (LIMIT * 2)\n"
        #expect(try tree.reach("include/linux/shared.h", shared).sources == ["fs/four.c", "net/c/both.c"])
    }

    @Test func `too many files are too wide, and the edited ones remain`() throws {
        let tree = try Tree(Self.files)
        let found = try tree.reach("net/a/trace.h", "static inline int near(int x) { return x + 1; }\n", limit: 0)
        #expect(found.tooWide?.finding.code == .kernelRefused)
        #expect(found.sources.isEmpty)
    }

    @Test(arguments: [
        ("arch/x86/entry/entry_64.S", FindingCode.assembly), ("arch/x86/boot/main.c", .kernelRefused),
    ])
    func `refuses what isn't code of the running kernel`(_ path: String, _ code: FindingCode) throws {
        let tree = try Tree(Self.files)
        let error = #expect(throws: BuildError.self) { try tree.reach(path, "") }
        #expect(error?.finding.code == code)
    }

    @Test(arguments: ["Documentation/a.rst", "tools/x.c", "arch/arm64/kernel/x.c"])
    func `has nothing to do for what isn't in this kernel`(_ path: String) throws {
        let tree = try Tree(Self.files)
        let error = #expect(throws: BuildError.self) { try tree.reach(path, "") }
        #expect(error?.finding.code == .kernelNothing)
    }
}

@Suite struct KernelChoiceTests {
    @Test func `reads which kernel is meant`() throws {
        #expect(try KernelChoice([]) == .running)
        #expect(try KernelChoice(["running"]) == .running)
        #expect(try KernelChoice(["newest"]) == .newest)
        #expect(try KernelChoice(["6.1.0-54-cloud-amd64"]) == .release("6.1.0-54-cloud-amd64"))
        #expect(try KernelChoice(["linux-image-6.1.0-54-amd64"]) == .release("6.1.0-54-amd64"))
        #expect(try KernelChoice(["/k"]) == .folder("/k"))
        #expect(try KernelChoice(["a.deb", "b.deb"]) == .packages(["a.deb", "b.deb"]))
        #expect(throws: BuildError.self) { try KernelChoice(["a.deb", "6.1"]) }
    }

    @Test func `takes version and source from what the kernel says`() {
        let line = "#1 SMP PREEMPT_DYNAMIC Debian 6.1.192-2 (2026-11-02)"
        #expect(KernelFetch.version(inBuildLine: line) == "6.1.192-2")
        #expect(KernelFetch.version(inBuildLine: "#1 SMP") == nil)
        #expect(KernelFetch.sourcePackage("6.1.0-56-cloud-amd64") == "linux-source-6.1")
        #expect(KernelFetch.sourcePackage("6.12.117+deb12-cloud-amd64") == "linux-source-6.12")
    }
}
