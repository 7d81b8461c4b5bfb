import Channel
import Findings
import Linux
import Testing

@testable import Client

/// Disk and memory as two facts, and the forms in which they leave the house.
@Suite struct ReportTests {
    private func world() throws -> World {
        var world = World()
        try world.offer("A", version: "3.0.15-1", { $0.advisories = ["CVE-2026-0001"] })
        world.install("A", in: [10])
        return world
    }

    private func report(_ world: World, disk: String?, facts: [AdvisoryFact] = []) -> TwoAxisReport {
        var versions = DiskVersions()
        versions.installed["libssl3"] = disk
        versions.sources["libssl3"] = "openssl"
        return .make(
            world.planner, disk: versions, facts: facts, files: ["libssl3": ["/usr/lib/libssl.so.3"]],
            at: UTCTime(seconds: 1_767_225_600))
    }

    @Test func `disk and memory are told apart, process by process`() throws {
        let statement = try #require(report(try world(), disk: "3.0.9-1").statements.first)
        #expect(statement.disk == .vulnerable && statement.memory == .partial && statement.update == "A")
        #expect(statement.processes.map(\.state) == [.fixed, .vulnerable])
        #expect(report(try world(), disk: "3.0.15-1").statements.first?.disk == .fixed)
        #expect(report(try world(), disk: nil).statements.first?.disk == .absent)
    }

    @Test func `what nobody fixes live is judged by the disk, and by files that were replaced`() throws {
        var world = try world()
        let fact = AdvisoryFact(advisory: "CVE-2026-9", package: "openssl", fixed: "3.0.14-1")
        let before = report(world, disk: "3.0.15-1", facts: [fact]).statements.last
        #expect(before?.disk == .fixed && before?.memory == .fixed)
        world.inventory.modules["aa"]?.isDeleted = true
        let after = report(world, disk: "3.0.15-1", facts: [fact]).statements.last
        #expect(after?.disk == .fixed && after?.memory == .vulnerable)
        let open = AdvisoryFact(advisory: "CVE-2026-9", package: "openssl", fixed: nil)
        #expect(report(world, disk: "9", facts: [open]).statements.last?.disk == .vulnerable)
    }

    @Test func `reads the Debian tracker's JSON`() throws {
        let text = """
            {"openssl": {"CVE-2026-1": {"releases": {"bookworm": {"status": "resolved", "fixed_version": "3.0.15-1"}}},
                         "CVE-2026-2": {"releases": {"bookworm": {"status": "open", "urgency": "high"}}},
                         "CVE-2026-3": {"releases": {"bookworm": {"status": "resolved", "fixed_version": "0"}}},
                         "CVE-2026-4": {"releases": {"sid": {"status": "open"}}}},
             "other": {"CVE-2026-5": {"releases": {"bookworm": {"status": "open"}}}}}
            """
        let facts = AdvisorySource.tracker(
            try JSON.parse(Array(text.utf8), subject: "t"), release: "bookworm", packages: ["openssl"])
        #expect(
            facts == [
                AdvisoryFact(advisory: "CVE-2026-1", package: "openssl", fixed: "3.0.15-1"),
                AdvisoryFact(advisory: "CVE-2026-2", package: "openssl", fixed: nil),
            ])
    }

    @Test func `reads its own OSV records, and others'`() throws {
        let world = try world()
        let records = JSON.array(OSV.records(world.catalogue, label: "stable", modified: UTCTime(seconds: 0)))
        #expect(
            AdvisorySource.osv(records) == [
                AdvisoryFact(advisory: "CVE-2026-0001", package: "libssl3", fixed: "3.0.15-1")
            ])
        let withdrawn = try JSON.parse(
            Array(#"{"id": "X", "withdrawn": "2026-01-01T00:00:00Z"}"#.utf8), subject: "x")
        #expect(AdvisorySource.osv(withdrawn).isEmpty)
    }

    @Test func `VEX says affected while one process lacks the fix, with what to do`() throws {
        var world = try world()
        func document(_ world: World) -> AdvisoryDocument {
            AdvisoryDocument(
                author: "me", identifier: "urn:x", time: UTCTime(seconds: 0),
                statements: ReportFormats.statements(report(world, disk: "3.0.9-1+b1")))
        }
        func statement(_ world: World) -> JSON? { document(world).openVEX["statements"]?.array?.first }
        #expect(statement(world)?["status"]?.string == "affected")
        #expect(statement(world)?["action_statement"]?.string == "tsugite install A")
        #expect(
            statement(world)?["products"]?.array?.first?["@id"]?.string == "pkg:deb/debian/libssl3@3.0.9-1%2Bb1")
        let digest = world.digest(of: "A")
        world.memory[ProcessID(11), default: []].insert(digest)
        #expect(statement(world)?["status"]?.string == "fixed")
    }

    @Test func `CSAF names the product, its state, and a remedy without a restart`() throws {
        func document(_ world: World) -> JSON {
            AdvisoryDocument(
                author: "me", identifier: "urn:x", time: UTCTime(seconds: 0),
                statements: ReportFormats.statements(report(world, disk: "3.0.9-1"))
            ).csaf
        }
        var world = try world()
        let product = JSON.string("pkg:deb/debian/libssl3@3.0.9-1")
        let open = document(world)
        #expect(open["document"]?["category"] == "csaf_vex")
        #expect(open["product_tree"]?["full_product_names"]?.array?.first?["product_id"] == product)
        let found = open["vulnerabilities"]?.array?.first
        #expect(found?["cve"] == "CVE-2026-0001" && found?["product_status"]?["known_affected"] == [product])
        let remedy = found?["remediations"]?.array?.first
        #expect(remedy?["details"] == "tsugite install A" && remedy?["restart_required"]?["category"] == "none")
        let digest = world.digest(of: "A")
        world.memory[ProcessID(11), default: []].insert(digest)
        let closed = document(world)["vulnerabilities"]?.array?.first
        #expect(closed?["product_status"]?["fixed"] == [product])
        #expect(closed?["product_status"]?["known_affected"] == nil)
    }

    @Test func `documents are what their specifications ask for, whatever is said in them`() throws {
        func statement(_ advisory: String, _ package: String, isFixed: Bool, action: String?) -> VEXStatement {
            VEXStatement(
                advisory: advisory, package: package, version: "1.0-1+b1", isFixed: isFixed,
                note: "read from memory",
                action: action, isLive: isFixed)
        }
        let cases: [[VEXStatement]] = [
            [], [statement("CVE-2026-0001", "libssl3", isFixed: true, action: nil)],
            [statement("CVE-2026-0001", "libssl3", isFixed: false, action: nil)],
            [
                statement("CVE-2026-7", "a", isFixed: false, action: nil),
                statement("DSA-1", "b", isFixed: true, action: "x"),
            ],
            [
                statement("CVE-2026-0001", "a", isFixed: false, action: "x"),
                statement("CVE-2026-0001", "b", isFixed: true, action: nil),
            ],
        ]
        for statements in cases {
            let document = AdvisoryDocument(
                author: "me", identifier: "urn:x", time: UTCTime(seconds: 0), statements: statements)
            #expect(VEXForms.complaintsAboutOpenVEX(document.openVEX) == [])
            #expect(VEXForms.complaintsAboutCSAF(document.csaf) == [])
        }
        // The judge is awake.
        #expect(VEXForms.complaintsAboutCSAF(["document": ["category": "csaf_vex"]]) != [])
        #expect(VEXForms.complaintsAboutOpenVEX([:]) != [])
    }

    @Test func `metrics end as OpenMetrics ends, and Nagios gets its status`() throws {
        let world = try world()
        let exposed = report(world, disk: "3.0.9-1")
        let text = OpenMetrics.text(exposed)
        #expect(text.hasSuffix("# EOF"))
        #expect(text.contains(#"tsugite_advisory_memory_vulnerable{advisory="CVE-2026-0001",package="libssl3"} 1"#))
        #expect(text.contains(#"tsugite_processes_vulnerable{package="libssl3"} 1"#))
        #expect(ReportFormats.nagios(exposed).status == 2)
        var calm = exposed
        calm.statements = []
        calm.available = 0
        #expect(ReportFormats.nagios(calm).status == 0)
        #expect(ReportFormats.nagios(calm).text.hasPrefix("TSUGITE OK"))
    }

    @Test func `a replaced file is covered only if everybody's memory has what is on disk`() throws {
        var world = try world()
        world.inventory.modules["aa"]?.isDeleted = true
        var disk = DiskVersions()
        disk.installed["libssl3"] = "3.0.15-1"
        #expect(CoveredPaths.of(world.planner, disk) == [])
        let digest = world.digest(of: "A")
        world.memory[ProcessID(11), default: []].insert(digest)
        #expect(CoveredPaths.of(world.planner, disk) == ["/usr/lib/libssl.so.3"])
        disk.installed["libssl3"] = "3.0.16-1"
        #expect(CoveredPaths.of(world.planner, disk) == [])
    }

    @Test func `reads dpkg's status`() {
        let text = """
            Package: libssl3
            Status: install ok installed
            Source: openssl (3.0.11)
            Version: 3.0.11-1
            Description: x
             Version: 9

            Package: gone
            Status: deinstall ok config-files
            Version: 1

            """
        let disk = DiskVersions.parse(text)
        #expect(disk.installed == ["libssl3": "3.0.11-1"] && disk.sources["libssl3"] == "openssl")
    }
}
