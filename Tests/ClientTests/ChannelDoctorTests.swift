import Channel
import Findings
import Linux
import Testing

@testable import Client

extension World {
    /// What doctor says of it, each finding as `level CODE`.
    var doctor: [String] { examined.findings.map { "\($0.level) \($0.finding.code.rawValue)" } }

    var examined: DoctorReport {
        var facts = DoctorFacts(planner: planner, paths: Paths(), time: UTCTime(seconds: 100))
        facts.lastAction = lastAction
        return Doctor.examine(facts)
    }

    /// A machine that follows its channel, and has all that is on offer.
    static func upToDate() throws -> World {
        var world = World()
        world.configuration.autoinstall = true
        world.catalogue.expires = UTCTime(seconds: 1_000)
        world.catalogue.families = try [#require(Family("user/libssl3"))]
        world.state.checked = ["stable": 90]
        try world.offer("A")
        world.install("A", in: [10, 11])
        return world
    }
}

/// What doctor says of channels: those that were never reached, and what policy leaves out.
@Suite struct ChannelDoctorTests {
    @Test func `a machine that follows its channel is healthy`() throws {
        #expect(try World.upToDate().doctor == [])
    }

    @Test(arguments: ["CHN-NETWORK", "CHN-FILE", "CHN-MALFORMED", "CHN-NOT-FOUND", "CHN-SLOW", "CHN-LATER"])
    func `a look at a channel that failed is told with its own code`(code: String) throws {
        var world = try World.upToDate()
        world.state.failed = ["stable": code]
        world.state.failures = [
            "stable": Finding(
                FindingCode(rawValue: code), "connection refused", evidence: ["subject": "x"], remedy: "Dial again."
            )
        ]
        let report = world.examined
        #expect(!report.isHealthy)
        #expect(report.findings.map(\.finding.code.rawValue) == [code])
        let finding = try #require(report.findings.first?.finding)
        #expect(finding.message.hasSuffix("connection refused") && finding.remedy == "Dial again.")
        #expect(finding.evidence.contains(.init("subject", "x")))
        // A record of an older client has only the code.
        world.state.failures = nil
        #expect(world.examined.findings.map(\.finding.code.rawValue) == [code])
    }

    @Test func `a channel that can't be reached doesn't hide that what is known of it has expired`() throws {
        var world = try World.upToDate()
        world.state.failed = ["stable": "CHN-NETWORK"]
        world.catalogue.expires = UTCTime(seconds: 50)
        #expect(world.doctor == ["error TRUST-EXPIRED", "warning CHN-NETWORK"])
    }

    @Test func `a channel that was never asked is told, unless this site has no network`() throws {
        var world = World()
        world.isReached = false
        world.configuration.autoinstall = true
        #expect(world.doctor == ["warning MIR-STALE"])
        #expect(world.examined.findings.first?.finding.remedy.hasPrefix("tsugite refresh") == true)
        world.state.failed = ["stable": "CHN-FILE"]
        #expect(world.doctor == ["error CHN-FILE"])
        world.state.failed = [:]
        world.configuration.isOffline = true
        #expect(!world.doctor.contains("warning MIR-STALE"))
    }

    @Test func `an update that a pin or a ring leaves out is a note`() throws {
        var world = try World.upToDate()
        try world.offer("B", version: "3.0")
        world.state.pins = ["libssl3": "2.0"]
        #expect(world.doctor == ["note CLI-LEFT-OUT"])
        #expect(world.examined.isHealthy)
        world.state.pins = [:]
        world.catalogue.rings = ["pilot"]
        world.configuration.channels[0].ring = "pilot"
        #expect(world.doctor == ["note CLI-LEFT-OUT"])
    }

    @Test func `what is in memory, or replaced by something newer, isn't left out`() throws {
        var world = try World.upToDate()
        world.state.pins = ["libssl3": "1.0"]
        #expect(world.doctor == [])
        world.memory = [:]
        world.state.installed = []
        try world.offer("B", version: "0.9", { $0.supersedes = ["A"] })
        world.install("B", in: [10, 11])
        #expect(world.doctor == [])
    }

    @Test func `an update that was taken back is told where policy leaves it in`() throws {
        var world = try World.upToDate()
        world.catalogue.entries = []
        world.catalogue.withdrawals = [Withdrawal(id: "A", reason: "crashes", time: UTCTime(seconds: 80))]
        world.configuration.withdrawn = .warn
        let finding = try #require(world.examined.findings.first { $0.finding.code == .updateWithdrawn })
        #expect(finding.level == .warning && finding.finding.remedy == "tsugite remove A")
        world.configuration.withdrawn = .undo
        #expect(!world.doctor.contains("warning CLI-WITHDRAWN"))
    }

    @Test func `a ring that the channel doesn't have is told, with the nearest name`() throws {
        var world = try World.upToDate()
        world.catalogue.rings = ["pilot", "stable"]
        world.configuration.channels[0].ring = "stabel"
        #expect(world.doctor == ["error LBL-MISMATCH"])
        #expect(world.examined.findings.first?.finding.remedy.hasPrefix("Set ring: stable ") == true)
        world.catalogue.rings = []
        #expect(world.examined.findings.first?.finding.remedy.hasPrefix("Take ring: stabel out") == true)
    }
}
