import Foundation
import Linux
import TestSupport
import Testing

/// What this machine tells other tools.
@Suite(.serialized, .enabled(if: mayTrace, "needs root: attaches to processes"))
struct ReportJobTests {
    @Test func `a report follows the update into memory, in every form`() throws {
        let site = try ClientSite()
        try site.publish()
        try site.shop.write(
            "root/var/lib/dpkg/status",
            "Package: shop\nStatus: install ok installed\nSource: shopping\nVersion: 1.0\nArchitecture: amd64\n\n")
        try site.shop.write("root/var/lib/dpkg/info/shop.list", site.shop.tree + "/shop\n")
        let tracker = site.shop.path("tracker.json")
        try FileSystem.replace(
            tracker,
            with: #"{"shopping": {"CVE-2026-0002": {"releases": {"bookworm": {"status": "resolved","#
                + #" "fixed_version": "1.2"}}}, "CVE-2026-7": {"releases": {"bookworm": {"status": "open"}}}}}"#)
        try site.machine("refresh")
        func report(_ format: String) throws -> CommandResult {
            try site.machine("report", "--format", format, "--advisories", tracker, "--release", "bookworm")
        }
        func memory(_ advisory: String) throws -> String? {
            struct Report: Decodable {
                struct Statement: Decodable { let advisory, disk, memory: String }
                let schema: String
                let statements: [Statement]
            }
            let found = try JSONDecoder().decode(Report.self, from: Data(try report("json").output))
            #expect(found.schema == "tsugite.report/1")
            let one = found.statements.first { $0.advisory == advisory }
            return one.map { "\($0.disk), \($0.memory)" }
        }
        #expect(try memory("CVE-2026-0002") == "vulnerable, vulnerable")
        #expect(exitCode(try report("nagios")) == 2)
        #expect(exitCode(try site.machine("upgrade", "-y")) == 0)
        #expect(try memory("CVE-2026-0002") == "vulnerable, fixed")
        #expect(try memory("CVE-2026-7") == "vulnerable, vulnerable")
        #expect(exitCode(try site.machine("report", "--format", "nagios")) == 0)
        #expect(try report("openmetrics").outputText.contains("tsugite_updates_installed 1\n"))
        #expect(try report("vex").outputText.contains(#""@context":"https://openvex.dev/ns/v0.2.0""#))
        #expect(try report("csaf").outputText.contains(#""category":"csaf_vex""#))
        #expect(try report("osv").outputText.contains(#""id":"TSUGITE-stable-FIX-1""#))
        let text = try site.machine("report").outputText
        #expect(text.contains("1 of 1 fixed  [FIX-1]"))
        // What the channel says feeds another machine's report.
        let osv = try site.tsugite(["channel", "advisories", site.channel, "--label", "stable"]).outputText
        try FileSystem.replace(tracker, with: osv)
        #expect(try memory("CVE-2026-0002") == "vulnerable, fixed")
        try FileSystem.replace(tracker, with: "{")
        #expect(exitCode(try report("nagios")) == 3)
    }

    @Test func `everybody may read the effective versions, and they are never stale`() throws {
        let site = try ClientSite()
        try site.publish()
        #expect(exitCode(try site.machine("upgrade", "-y")) == 0)
        func asNobody() throws -> String {
            try Command(
                "/usr/bin/setpriv",
                [
                    "--reuid=65534", "--regid=65534", "--clear-groups", TsugiteCommand.path, "effective", "shop",
                    "--root",
                    site.root,
                ]
            ).run().outputText
        }
        #expect(try asNobody() == "1.2\n")
        // Another boot: the file is ignored.
        let file = site.root + "/run/tsugite/effective.json"
        try site.rewrite(file, "\"bootID\" : \"[^\"]*\"", "\"bootID\" : \"an earlier one\"")
        #expect(try asNobody() != "1.2\n")
        #expect(try site.machine("effective", "shop").outputText == "1.2\n")
        // Another set in memory: whoever may look isn't told the old story.
        #expect(exitCode(try site.tsugite(["undo", "FIX-1", "--pid", "\(site.pid)"])) == 0)
        #expect(try site.machine("effective", "shop").outputText.contains("mixed: 1 of 1 processes lack it"))
        #expect(try asNobody().contains("mixed"))
    }
}
