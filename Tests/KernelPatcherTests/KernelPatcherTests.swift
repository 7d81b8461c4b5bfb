import ELF
import Findings
import Foundation
import KernelImage
import LivePatch
import Testing

@testable import KernelPatcher

/// A folder that looks like a part of /proc or /sys.
final class FakeFolder {
    let path: String

    init(_ files: [String: String]) throws {
        path = NSTemporaryDirectory() + "tsugite-fake-" + UUID().uuidString
        for (name, text) in files {
            let file = path + "/" + name
            try FileManager.default.createDirectory(
                atPath: (file as NSString).deletingLastPathComponent, withIntermediateDirectories: true)
            try text.write(toFile: file, atomically: false, encoding: .utf8)
        }
    }

    deinit { try? FileManager.default.removeItem(atPath: path) }
}

private let symbols = """
    ffffffff81000000 T _text
    ffffffff81000100 T __ia32_sys_pause
    ffffffff81000100 T __x64_sys_pause
    ffffffff81000100 t __do_sys_pause
    ffffffff81000150 t same
    ffffffff81000190 t same
    ffffffff810001a0 T end
    ffffffffc0000000 t vlan_show\t[8021q]
    ffffffffc0000040 t vlan_end\t[8021q]
    """

@Suite struct TransitionTests {
    func ranges(_ entries: [(range: Range<UInt64>, name: String)]) throws -> PatchedRanges {
        PatchedRanges(entries, symbols: try LiveSymbols(parsing: Array(symbols.utf8)))
    }

    @Test func `reads a stack as the kernel prints it`() {
        let text = "[<0>] __do_sys_pause+0x24/0x50\n[<0>] vlan_show+0x1f/0x40 [8021q]\nsomething else\n"
        #expect(
            StackFrame.trace(text) == [
                StackFrame(function: "__do_sys_pause", offset: 0x24, extent: 0x50),
                StackFrame(function: "vlan_show", offset: 0x1f, extent: 0x40, module: "8021q"),
            ])
    }

    @Test func `finds the patched function though the stack has another name for it`() throws {
        let ranges = try ranges([(0xffff_ffff_8100_0100..<0xffff_ffff_8100_0150, "__x64_sys_pause")])
        #expect(ranges.function(in: StackFrame.trace("[<0>] __do_sys_pause+0x24/0x50")) == "__x64_sys_pause")
        #expect(ranges.function(in: StackFrame.trace("[<0>] end+0x24/0x50")) == nil)
        #expect(ranges.function(in: StackFrame.trace("[<0>] unknown+0x24/0x50")) == nil)
    }

    @Test func `tells functions of one name apart by their extent`() throws {
        let ranges = try ranges([(0xffff_ffff_8100_0190..<0xffff_ffff_8100_01a0, "same")])
        #expect(ranges.function(of: StackFrame(function: "same", offset: 4, extent: 0x10)) == "same")
        #expect(ranges.function(of: StackFrame(function: "same", offset: 4, extent: 0x40)) == nil)
    }

    @Test func `lists the tasks that aren't moved over`() throws {
        let proc = try FakeFolder([
            "7/task/7/patch_state": "1\n", "7/task/8/patch_state": "0\n", "7/task/8/comm": "worker\n",
            "7/task/8/wchan": "__do_sys_pause", "7/task/8/stack": "[<0>] __do_sys_pause+0x24/0x50\n",
            "7/task/8/stat": "8 (a) b) D 1 7 7 0 -1 2129984 0\n",
            "7/task/8/cgroup": "0::/system.slice/cron.service\n",
            "9/task/9/patch_state": "-1\n", "self/task/1/patch_state": "0\n",
        ])
        let ranges = try ranges([(0xffff_ffff_8100_0100..<0xffff_ffff_8100_0150, "__x64_sys_pause")])
        let progress = try TransitionScan(proc: proc.path).progress(isEnabling: true)
        #expect(progress.moved == 1 && progress.left == 1)
        var task = try #require(progress.remaining.first)
        task.function = ranges.function(in: task.stack)
        #expect(task.summary == "pid 7 tid 8 (worker) is in __x64_sys_pause")
        #expect(task.state == "D" && task.unit == "cron.service" && task.isKernelThread)
        let back = try TransitionScan(proc: proc.path).progress(isEnabling: false)
        #expect(back.remaining.map(\.thread) == [7])
    }
}

@Suite struct LivePatchFolderTests {
    @Test func `reads what the kernel shows of its live patches`() throws {
        let folder = try FakeFolder([
            "tsugite_a/enabled": "1\n", "tsugite_a/transition": "0\n", "tsugite_a/vmlinux/patched": "1\n",
            "tsugite_a/vmlinux/show,2/stack": "", "tsugite_a/8021q/vlan_show,1/stack": "",
            "other/enabled": "0\n", "other/transition": "1\n",
        ])
        let patches = try LivePatchFolder(folder.path).patches()
        #expect(patches.map(\.module) == ["other", "tsugite_a"])
        #expect(patches[0].isInTransition && !patches[0].isEnabled)
        #expect(
            Set(patches[1].functions) == [
                .init(object: "vmlinux", name: "show", position: 2),
                .init(object: "8021q", name: "vlan_show", position: 1),
            ])
        #expect(try LivePatchFolder(folder.path).patch("gone") == nil)
        try LivePatchFolder(folder.path).setEnabled("tsugite_a", false)
        #expect(try LivePatchFolder(folder.path).patch("tsugite_a")?.isEnabled == false)
    }

    // The kernel answers ENODEV for a file of sysfs whose patch went away behind its opening; so does a device number
    // that no driver has.
    @Test(.enabled(if: geteuid() == 0, "making a device file needs root"))
    func `a patch that goes away while it is read isn't there`() throws {
        let folder = try FakeFolder(["going/transition": "0\n", "stays/enabled": "1\n", "stays/transition": "0\n"])
        let noDriver = dev_t(10 << 8 | 251)
        #expect(unsafe mknod(folder.path + "/going/enabled", S_IFCHR | 0o600, noDriver) == 0)
        #expect(try LivePatchFolder(folder.path).patch("going") == nil)
        #expect(try LivePatchFolder(folder.path).patches().map(\.module) == ["stays"])
    }
}

@Suite struct LiveCheckTests {
    static let code = ReplacedKernelCode(
        name: "same", position: 2, original: [0xe8, 0, 0, 0, 0, 0x31, 0xc0, 0xc3], mutable: [0..<5])

    func patch(_ function: ReplacedKernelCode, object: String = "vmlinux") -> KernelPatch {
        KernelPatch(
            name: "fix", module: "tsugite_fix", release: "6.1.0", buildID: .init([1]), changes: [], replaces: true,
            targets: [KernelPatchTarget(name: object, buildID: nil, functions: [function])])
    }

    func check(_ patch: KernelPatch, _ memory: [UInt8]) throws -> LiveProof.Result {
        let proof = LiveProof(symbols: try LiveSymbols(parsing: Array(symbols.utf8))) {
            (address, count) throws(KernelImageError) in
            #expect(address == 0xffff_ffff_8100_0190)
            return Array(memory.prefix(count))
        }
        return try proof.check(patch)
    }

    @Test func `takes what the kernel changes by itself, and nothing else`() throws {
        let traced: [UInt8] = [0x0f, 0x1f, 0x44, 0, 0, 0x31, 0xc0, 0xc3]
        #expect(try check(patch(Self.code), traced).findings.isEmpty)
        let altered: [UInt8] = [0x0f, 0x1f, 0x44, 0, 0, 0x90, 0xc0, 0xc3]
        let findings = try check(patch(Self.code), altered).findings
        #expect(findings.map(\.code) == [.kernelMismatch])
        #expect(findings.first?.evidence.contains(.init("offset", "0x5")) == true)
    }

    @Test func `refuses a function that isn't there, or isn't the only one`() throws {
        var code = Self.code
        code.position = 3
        #expect(try check(patch(code), []).findings.map(\.code) == [.kernelMismatch])
        code.position = 0
        #expect(try check(patch(code), []).findings.map(\.code) == [.kernelMismatch])
    }

    @Test func `functions of a module that isn't loaded wait`() throws {
        let result = try check(patch(Self.code, object: "nbd"), [])
        #expect(result.absent == ["nbd"] && result.findings.isEmpty)
    }

    @Test func `probes and foreign redirections are conflicts, live patches aren't`() {
        let found = Conflicts(
            enabledFunctions: """
                same (1) R I     \ttramp: 0xffffffffc0568000 (klp_ftrace_handler+0x0/0x240)
                other (1) R   D  \tdirect-->bpf_trampoline_6442501234+0x0/0xb3
                plain (1)
                """, probes: "ffffffff810b1a30  k  probed+0x5    [FTRACE]\n")
        func code(_ name: String) -> ReplacedKernelCode {
            ReplacedKernelCode(name: name, position: 0, original: [], mutable: [])
        }
        #expect(found.owner(of: code("same")) == nil)
        #expect(found.owner(of: code("other"))?.contains("bpf_trampoline") == true)
        #expect(found.owner(of: code("plain")) == nil)
        #expect(found.owner(of: code("probed")) == "a kprobe")
    }
}
