import Findings
import Linux
import Testing

@testable import Client
@testable import ProcessPatcher

/// What doctor says of an action that ended deferred, blocked or partial.
@Suite struct RefusalDoctorTests {
    /// Update `B` was to go into processes 10 and 11, or come out of them.
    private func world(
        _ result: ProcessOutcome.Result, _ code: FindingCode, action: Plan.Action = .install, pid: Int32 = 11,
        name: String = "web"
    ) throws -> World {
        var world = try World.upToDate()
        try world.offer("B", build: "aa", version: "3.0")
        let finding = Finding(code, "not possible", evidence: ["function": "price"], remedy: "Its own.")
        let outcome = ProcessOutcome(ProcessID(pid), name, result, finding: finding, tries: 9)
        let operation = OperationReport(operation: "apply", processes: [outcome])
        world.lastAction = ActionReport(
            verb: "upgrade",
            steps: [.init(action: action, id: "B", outcome: .blocked, operations: [operation], finding: nil)])
        return world
    }

    @Test(arguments: [
        (ProcessOutcome.Result.blocked, FindingCode.processMismatch), (.blocked, .processOtherPatcher),
        (.deferred, .processNeverReturns), (.deferred, .processStarting), (.deferred, .processBusy),
    ])
    func `what stood against the last action is told as long as the process lacks the update`(
        _ result: ProcessOutcome.Result, _ code: FindingCode
    ) throws {
        var world = try world(result, code)
        #expect(world.examined.findings.map(\.finding.code) == [code])
        #expect(!world.examined.isHealthy)
        let evidence = world.examined.findings.first?.finding.evidence.map(\.name) ?? []
        #expect(evidence.starts(with: ["function", "pid", "update"]))
        let digest = world.digest(of: "B")
        for pid in [ProcessID(10), ProcessID(11)] { world.memory[pid]?.insert(digest) }
        #expect(world.doctor == [])
    }

    @Test func `a thread that never leaves one call is permanent, one that is busy is transient`() throws {
        func kind(_ code: FindingCode) throws -> String? {
            try world(.deferred, code).examined.findings.first?.finding.evidence.first { $0.name == "kind" }?.value
        }
        #expect(try kind(.processBusy) == "transient")
        #expect(try kind(.processNeverReturns)?.hasPrefix("permanent") == true)
        #expect(try kind(.processStarting) == nil)
    }

    @Test func `a process that ended, or another program under its number, isn't told`() throws {
        #expect(try world(.blocked, .processMismatch, pid: 99).doctor == [])
        #expect(try world(.blocked, .processMismatch, name: "mail").doctor == [])
    }

    @Test func `a removal that was refused is told as long as the process has the update`() throws {
        var world = try world(.deferred, .processBusy, action: .remove)
        world.install("B", in: [10, 11])
        #expect(world.doctor == ["warning USR-BUSY"])
        #expect(world.examined.findings.first?.finding.remedy.hasPrefix("tsugite remove B") == true)
        world.memory = [:]
        #expect(!world.doctor.contains("warning USR-BUSY"))
    }

    @Test func `a traced process is told once, by what it is now`() throws {
        var world = try world(.blocked, .processTraced)
        world.inventory.processes[ProcessID(11)]?.tracer = 7
        #expect(world.doctor == ["warning USR-UNPATCHABLE"])
    }

    @Test func `a step that couldn't begin is told as long as the update is missing`() throws {
        var world = try world(.blocked, .processMismatch)
        world.lastAction?.steps[0].operations = []
        world.lastAction?.steps[0].finding = Finding(.channelMismatch, "its file is damaged")
        #expect(world.doctor == ["warning CHN-MISMATCH"])
        let digest = world.digest(of: "B")
        for pid in [ProcessID(10), ProcessID(11)] { world.memory[pid]?.insert(digest) }
        #expect(world.doctor == [])
    }
}
