import Channel
import Findings
import KernelPatcher
import Linux
import Synchronization
import Testing

@testable import Client

/// What doctor says of the running kernel, from the action that failed to the page that is printed.
@Suite struct KernelDoctorTests {
    /// A channel that offers one update for the kernel that runs here.
    private func catalogue(_ machine: borrowing KernelMachine) throws -> Catalogue {
        var world = World()
        let build = try #require(machine.running.buildID)
        try world.offer("K", build: build, family: "kernel/\(machine.running.release)")
        return world.catalogue
    }

    private func examine(_ machine: borrowing KernelMachine) throws -> DoctorReport {
        let facts = try machine.session.doctorFacts(["stable": try catalogue(machine)], hasNetworkPart: true)
        return Doctor.examine(facts)
    }

    private func kernelCodes(_ report: DoctorReport) -> [String] {
        report.findings.map(\.finding.code.rawValue).filter { $0.hasPrefix("KRN-") }
    }

    static let stalled = Finding(
        .kernelStalled, "1 task kept using code that tsugite_fix changes",
        evidence: ["module": "tsugite_fix", "blocked by": "pid 8 tid 8 (worker) is in __x64_sys_pause"],
        remedy: "systemctl restart worker.service, then apply again.")
    static let mismatch = Finding(
        .kernelMismatch, "cmdline_proc_show isn't in memory as it was shipped", evidence: ["offset": "0x5"])
    static let conflict = Finding(
        .kernelConflict, "cmdline_proc_show is changed by someone else", evidence: ["by": "a kprobe"])

    @Test(arguments: [
        (KernelReport.Result.deferred, stalled), (.blocked, mismatch), (.blocked, conflict),
    ])
    func `the reason why the last action left the kernel as it was is told, with its evidence`(
        _ result: KernelReport.Result, _ finding: Finding
    ) throws {
        let machine = try KernelMachine(RecordingKernel(result, [finding]))
        try #require(machine.running.buildID != nil)
        _ = try machine.carryOut(.install, try machine.update("K"))
        let report = try examine(machine)
        #expect(kernelCodes(report) == [finding.code.rawValue])
        #expect(report.findings.contains { $0.finding == finding })
        #expect(!report.isHealthy)
        #expect(DoctorEntry.of(finding.code) != nil)
    }

    @Test func `once the kernel has the update, an old refusal isn't told any more`() throws {
        let machine = try KernelMachine(RecordingKernel(.deferred, [Self.stalled]))
        try #require(machine.running.buildID != nil)
        let update = try machine.update("K")
        _ = try machine.carryOut(.install, update)
        #expect(kernelCodes(try examine(machine)) == ["KRN-STALLED"])
        // Somebody applied the same file by hand.
        _ = machine.kernel.applied.withLock { $0.insert(String(update.patches[0].sha256.prefix(4))) }
        var state = try machine.session.store.state()
        state.installed = [update]
        try machine.session.store.write(state, to: machine.session.store.paths.record)
        #expect(kernelCodes(try examine(machine)).isEmpty)
    }

    @Test func `an error in our code, a suspended set and a transition under way are told as the kernel has them`()
        throws
    {
        let oops = Finding(
            .kernelOops, "the kernel reported an error in code of tsugite_fix", remedy: "tsugite undo")
        let suspended = Finding(.kernelSuspended, "the machine died with the set")
        let machine = try KernelMachine(RecordingKernel(troubles: [oops, suspended, Self.stalled]))
        let report = try examine(machine)
        #expect(kernelCodes(report) == ["KRN-OOPS", "KRN-SUSPENDED", "KRN-STALLED"])
        #expect(report.findings.filter { $0.level == .error }.count >= 2)
        #expect(!report.isHealthy)
    }
}
