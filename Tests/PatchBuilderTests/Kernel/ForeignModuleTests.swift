import ELF
import Findings
import Linux
import TestSupport
import Testing

@testable import PatchBuilder

@Suite struct ForeignModuleTests {
    /// A module's file as klp-build leaves it behind, reduced to what describes it.
    private func module(
        info: String = "livepatch=Y", prefix: String = ".init.klp",
        object: String = "const char *name; struct func *funcs; void *callbacks[5]; unsigned count;"
    ) throws -> ELFFile {
        let source = """
            struct func { const char *old; void *new; unsigned long position; };
            struct object { \(object) };
            static int first(void) { return 1; }
            static int second(void) { return 2; }
            #define IN(s) __attribute__((used, section(s)))
            IN(".modinfo") static const char a[] = "name=livepatch_fix";
            IN(".modinfo") static const char b[] = "\(info)";
            IN(".modinfo") static const char c[] = "vermagic=6.19.0-1-amd64 SMP mod_unload";
            IN(".gnu.linkonce.this_module") static long this_module[64];
            IN("\(prefix)_funcs") static struct func funcs[] = {
                { "vfs_read", first, 0 }, { "init_once", second, 3 }, { "vlan_open", first, 0 },
            };
            IN("\(prefix)_objects") static struct object objects[] = {
                { .funcs = funcs, .count = 2 }, { .name = "8021q", .funcs = funcs + 2, .count = 1 },
            };
            """
        let compiler = try Compiler()
        return try ELFFile(ByteStorage(reading: try compiler.compile(source, ["-c", "-O2", "-fno-pic"])))
    }

    private static let expected = [
        ForeignModule.Object(
            name: "vmlinux",
            functions: [.init(name: "vfs_read", position: 0), .init(name: "init_once", position: 3)]),
        ForeignModule.Object(name: "8021q", functions: [.init(name: "vlan_open", position: 0)]),
    ]

    @Test func `reads what a module of klp-build replaces`() throws {
        let foreign = try ForeignModule(try module())
        #expect(foreign.name == "livepatch_fix" && foreign.release == "6.19.0-1-amd64")
        #expect(foreign.objects == Self.expected)
    }

    @Test func `older names and other sizes of records are read alike`() throws {
        let short = "const char *name; struct func *funcs; unsigned count;"
        #expect(try ForeignModule(try module(prefix: "__klp")).objects == Self.expected)
        #expect(try ForeignModule(try module(object: short)).objects == Self.expected)
    }

    @Test(arguments: [("livepatch=N", ".init.klp"), ("livepatch=Y", ".other")])
    func `refuses what klp-build didn't make`(_ info: String, _ prefix: String) throws {
        let file = try module(info: info, prefix: prefix)
        let error = #expect(throws: BuildError.self) { try ForeignModule(file) }
        #expect(error?.finding.code == .kernelRefused)
    }
}
