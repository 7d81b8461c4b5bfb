import ELF
import Findings
import Linux
import LivePatch
import Testing

@testable import KernelPatcher

@Suite struct OopsTests {
    static let log = """
        <6>[   11.000000] tsugite_a: loading out-of-tree module taints kernel.
        <1>[   12.345678] BUG: kernel NULL pointer dereference, address: 0000000000000008
        <4>[   12.345680] Oops: 0002 [#1] PREEMPT SMP NOPTI
        <4>[   12.345690] Modules linked in: tsugite_b(OEK) tsugite_a(OEK) virtio_blk
        <4>[   12.345700] RIP: 0010:loadavg_proc_show+0x2a/0x130 [tsugite_a]
        <4>[   12.345710] Call Trace:
        <4>[   12.345720]  seq_read_iter+0x11a/0x4b0
        <4>[   12.345800] ---[ end trace 0000000000000000 ]---
        <4>[   13.000000] WARNING: CPU: 0 PID: 1 at kernel/fork.c:1 do_fork+0x1/0x2
        <4>[   13.100000]  do_fork+0x1/0x2
        <4>[   13.200000] ---[ end trace 0000000000000000 ]---
        """

    @Test func `ties an error to the live patch in its trace, and no other`() {
        let found = KernelOops.find(in: Self.log)
        #expect(found.map(\.modules) == [["tsugite_a"]])
        #expect(found.first?.what == "BUG: kernel NULL pointer dereference, address: 0000000000000008")
        #expect(found.first?.frames == ["RIP: 0010:loadavg_proc_show+0x2a/0x130 [tsugite_a]"])
        #expect(found.first?.finding.code == .kernelOops)
    }

    @Test func `reads the form of dev kmsg, too`() {
        let log = """
            1,123,12345678,-;BUG: kernel NULL pointer dereference, address: 0000000000000008
            4,124,12345679,-;RIP: 0010:show+0x2a/0x130 [tsugite_fix_2]
            """
        #expect(KernelOops.find(in: log).map(\.modules) == [["tsugite_fix_2"]])
    }

    @Test func `an ordinary log has no error`() {
        #expect(
            KernelOops.find(in: Self.log + "\n<6>[ 99.0] livepatch: enabling patch 'tsugite_a'\n").isEmpty)
        #expect(
            KernelOops.find(in: "<6>[ 1.0] livepatch: enabling patch 'tsugite_a'\nx+0x1/0x2 [tsugite_a]").isEmpty)
    }
}

@Suite struct ReplayTests {
    static func plan(_ trust: KernelPlan.Trust, lost: Int = 0) -> KernelPlan {
        var plan = KernelPlan()
        plan.patches = [PlannedPatch(file: "00", name: "a", module: "tsugite_a", release: "6.1", buildID: "01")]
        plan.trust = trust
        plan.bootID = "one"
        plan.lostBoots = lost
        return plan
    }

    @Test func `a boot that ends without a word is forgiven once`() {
        let first = KernelReplay.judge(Self.plan(.trying), bootID: "two", past: [])
        #expect(first.trust == .trying && first.lostBoots == 1)
        let second = KernelReplay.judge(Self.plan(.trying, lost: 1), bootID: "three", past: [])
        #expect(second.trust == .suspended && second.lostBoots == 2)
    }

    @Test func `a log of a crash in our code suspends at once, one in other code doesn't`() {
        let crash = KernelOops.find(in: OopsTests.log)
        let ours = KernelReplay.judge(Self.plan(.trying), bootID: "two", past: crash)
        #expect(ours.trust == .suspended && ours.reason.contains("loadavg_proc_show"))
        var other = Self.plan(.trying)
        other.patches[0].module = "tsugite_other"
        #expect(KernelReplay.judge(other, bootID: "two", past: crash).trust == .trying)
    }

    @Test func `a confirmed set starts anew, a suspended one stays so`() {
        #expect(KernelReplay.judge(Self.plan(.confirmed, lost: 1), bootID: "two", past: []).lostBoots == 0)
        #expect(KernelReplay.judge(Self.plan(.suspended), bootID: "two", past: []).trust == .suspended)
        #expect(KernelReplay.judge(Self.plan(.trying, lost: 1), bootID: "one", past: []).lostBoots == 1)
    }

    @Test func `a plan comes back as it was written, and a damaged one is an error`() throws {
        let folder = try FakeFolder(["plan.json": "{"])
        let store = KernelStore(folder.path)
        let damaged = #expect(throws: KernelPatcherError.self) { try store.plan() }
        #expect(damaged?.finding.code == .kernelStore)
        try store.write(Self.plan(.trying))
        #expect(try store.plan() == Self.plan(.trying))
        #expect(try store.drop(module: "tsugite_a"))
        #expect(try store.plan() == KernelPlan())
        #expect(try store.drop(module: "tsugite_a") == false)
    }
}

@Suite struct EffectiveKernelTests {
    static func patch(_ module: String, effective: String? = "", changes: [Digest] = [], isMoving: Bool = false)
        -> LoadedPatch
    {
        LoadedPatch(
            module: module, isEnabled: true, isInTransition: isMoving,
            functions: [.init(object: "vmlinux", name: "same", position: 1)],
            description: effective.map {
                KernelPatch(
                    name: String(module.dropFirst(8)), module: module, release: "6.1", buildID: BuildID([1]),
                    changes: changes, effective: $0, replaces: true, targets: [])
            })
    }

    /// A patch as its file describes it.
    static func whole(_ module: String) -> KernelPatch {
        KernelPatch(
            name: String(module.dropFirst(8)), module: module, release: "6.1", buildID: BuildID([1]), changes: [],
            replaces: true, targets: [])
    }

    @Test func `tells the version only where one is true`() {
        func version(_ patches: LoadedPatch...) -> String? { EffectiveKernel(booted: "6.1", patches).version }
        #expect(version() == "6.1")
        #expect(version(Self.patch("tsugite_a", effective: "6.1.99")) == "6.1.99")
        #expect(version(Self.patch("tsugite_a")) == nil)
        #expect(version(Self.patch("kpatch_a", effective: nil)) == nil)
        #expect(version(Self.patch("tsugite_a", effective: "6.1.99", isMoving: true)) == nil)
        #expect(version(Self.patch("tsugite_a", effective: "1"), Self.patch("tsugite_b", effective: "2")) == nil)
    }

    @Test func `a replacing patch doesn't take out fixes that it hasn't`() {
        let (one, two) = (Digest(of: [1]), Digest(of: [2]))
        var new = KernelPatch(
            name: "b", module: "tsugite_b", release: "6.1", buildID: BuildID([1]), changes: [two], replaces: true,
            targets: [])
        let old = Self.patch("tsugite_a", changes: [one])
        #expect(KernelPatcher.takenOut(by: new, [old]).map(\.code) == [.kernelConflict])
        new.changes = [one, two]
        #expect(KernelPatcher.takenOut(by: new, [old]).isEmpty)
        #expect(
            KernelPatcher.takenOut(by: new, [Self.patch("kpatch", effective: nil)]).map(\.code) == [.kernelConflict]
        )
        new.replaces = false
        new.targets = [
            KernelPatchTarget(
                name: "vmlinux", buildID: nil,
                functions: [ReplacedKernelCode(name: "same", position: 1, original: [], mutable: [])])
        ]
        #expect(KernelPatcher.takenOut(by: new, [old]).isEmpty)
        #expect(KernelPatcher.takenOut(by: new, [Self.patch("kpatch", effective: nil)]).count == 1)
    }

    @Test func `patches are found by module, name, advisory and digest`() {
        let digest = Digest(of: [1])
        let patch = Self.patch("tsugite_fix", changes: [digest])
        for word in ["tsugite_fix", "fix", String(digest.description.prefix(8))] {
            #expect(KernelPatcher.isMeant(patch, by: word))
        }
        #expect(!KernelPatcher.isMeant(patch, by: String(digest.description.prefix(7))))
        #expect(!KernelPatcher.isMeant(patch, by: "other"))
    }
}

@Suite struct KernelHealthTests {
    @Test func `says what taints and what is forbidden`() {
        let health = KernelHealth(taint: "45056", lockdown: "none [integrity] confidentiality", signatures: "N")
        #expect(
            health.taint == [
                "a module from outside was loaded", "an unsigned module was loaded", "the kernel was live patched",
            ])
        #expect(health.lockdown == "integrity" && health.needsSignature)
        let free = KernelHealth(taint: "0", lockdown: "", signatures: "N")
        #expect(free.taint.isEmpty && free.lockdown == "none" && !free.needsSignature)
        #expect(KernelHealth(taint: "x", lockdown: "", signatures: "Y").needsSignature)
    }

    @Test(arguments: [
        ("", "N", false, nil), ("", "Y", false, FindingCode.kernelUnsigned), ("", "Y", true, nil),
        ("none [integrity]", "N", false, .kernelUnsigned), ("none [integrity]", "N", true, nil),
        ("none integrity [confidentiality]", "N", true, .kernelUnable),
    ])
    func `Secure Boot and lockdown decide before anything is loaded`(
        _ lockdown: String, _ signatures: String, _ isSigned: Bool, _ code: FindingCode?
    ) {
        let health = KernelHealth(taint: "0", lockdown: lockdown, signatures: signatures)
        let patch = EffectiveKernelTests.whole("tsugite_fix")
        #expect(KernelPatcher.protection(health, patch, isSigned: isSigned).map(\.code) == [code].compactMap { $0 })
    }

    @Test(arguments: [
        (16, "EBUSY", "", FindingCode.kernelBusy, ""), (129, "EKEYREJECTED", "", .kernelLoad, "--sign-key"),
        (126, "ENOKEY", "", .kernelLoad, "--sign-key"),
        (8, "ENOEXEC", "4,9,1,-;x86/modules: Skipping invalid relocation target\n DEVICE=+x\n", .kernelLoad, ""),
        (1, "EPERM", "", .kernelLoad, ""),
        (
            1, "EPERM", "5,9,1,-;Lockdown: tsugite: unsigned module loading is restricted\n", .kernelLoad,
            "--sign-key"
        ),
    ])
    func `a module that the kernel doesn't take is told with the kernel's reason`(
        _ number: Int32, _ name: String, _ log: String, _ code: FindingCode, _ remedy: String
    ) {
        let finding = KernelPatcher.loadFinding(
            "init_module", Errno(rawValue: number), EffectiveKernelTests.whole("tsugite_fix"),
            KernelLogMark.messages(in: log))
        #expect(finding.code == code && finding.evidence.contains(.init("errno", name)))
        #expect(finding.remedy.contains(remedy))
        let says = finding.evidence.first { $0.name == "kernel says" }?.value
        #expect(says == (log.isEmpty ? "nothing" : KernelLogMark.messages(in: log).joined(separator: " | ")))
        #expect(says?.contains("DEVICE") == false)
    }

    @Test func `a transition that doesn't end names its tasks`() {
        var status = KernelStatus(
            release: "6.1", buildID: "01", isPatchable: true,
            health: KernelHealth(taint: "0", lockdown: "", signatures: "N"),
            effective: nil, patches: [KernelStatus.Patch(EffectiveKernelTests.patch("tsugite_a", isMoving: true))],
            transition: nil,
            findings: [])
        #expect(status.stall == nil)
        let task = BlockingTask(
            process: 8, thread: 9, command: "worker", waitsIn: "__do_sys_pause", stack: [], unit: "cron.service")
        status.transition = TransitionScan.Progress(moved: 40, left: 1, remaining: [task])
        let finding = status.stall
        #expect(
            finding?.code == .kernelStalled && finding?.remedy.contains("systemctl restart cron.service") == true)
        #expect(
            finding?.evidence.contains(.init("waits for", "pid 8 tid 9 (worker) waits in __do_sys_pause")) == true)
    }
}
