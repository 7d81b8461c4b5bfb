import Foundation
import Linux
import TestSupport
import Testing

/// A machine follows a channel: upgrade, look, take back, try out.
@Suite(.serialized, .enabled(if: mayTrace, "needs root: attaches to processes"))
struct ClientJobTests {
    @Test func `an update goes from the channel into the process, and out again without the channel`() async throws
    {
        let site = try ClientSite()
        #expect(try await site.prints("1"))
        try site.publish()
        let shown = try site.machine("upgrade", "-n")
        #expect(exitCode(shown) == 0 && shown.errorText.contains("+ FIX-1 (CVE-2026-0002)"))
        #expect(exitCode(try site.machine("upgrade", "-y")) == 0)
        #expect(try await site.prints("2"))
        #expect(exitCode(try site.machine("upgrade", "-y")) == 10)
        #expect(try site.machine("show").outputText.contains("in memory of: \(site.pid)"))
        #expect(try site.machine("effective", "shop").outputText == "1.2\n")
        try Directory.removeTree(site.channel)
        let removed = try site.machine("remove", "--all", "-y")
        #expect(exitCode(removed) == 0, "\(removed.outputText)\(removed.errorText)")
        #expect(try await site.prints("1"))
        #expect(exitCode(try site.machine("upgrade", "-y")) == 14)
        #expect(try site.machine("history").outputText.split(separator: "\n").count == 2)
    }

    @Test func `a process that was started later gets the update by the timer, and nothing new is installed`()
        async throws
    {
        let site = try ClientSite()
        try site.publish()
        #expect(exitCode(try site.machine("upgrade", "-y")) == 0)
        let second = try site.shop.start("shop")
        try await Task.sleep(for: .milliseconds(300))
        try site.publish("FIX-2", value: 3, more: ["--supersedes", "FIX-1"])
        #expect(exitCode(try site.machine("hold", "FIX-2")) == 0)
        #expect(exitCode(try site.machine("refresh", "--auto")) == 0)
        #expect(try site.machine("show").outputText.contains("\(second)"))
        #expect(exitCode(try site.machine("unhold", "FIX-2")) == 0)
        #expect(try site.machine("show", "--available").outputText.contains("FIX-2"))
        #expect(exitCode(try site.machine("upgrade", "-y")) == 0)
        #expect(try await site.prints("3"))
        #expect(try !site.machine("show").outputText.contains("FIX-1"))
    }

    @Test func `a withdrawn update comes out with the next upgrade`() async throws {
        let site = try ClientSite()
        try site.publish()
        #expect(exitCode(try site.machine("upgrade", "-y")) == 0)
        try site.sign("withdraw", "FIX-1", "--reason", "it bites")
        let result = try site.machine("upgrade", "-y")
        #expect(exitCode(result) == 0 && result.errorText.contains("withdrawn: it bites"))
        #expect(try await site.prints("1"))
    }

    @Test func `a trial ends by itself unless it is accepted`() async throws {
        let site = try ClientSite()
        try site.publish()
        #expect(exitCode(try site.machine("upgrade", "-y", "--trial", "4s")) == 0)
        #expect(try await site.prints("2"))
        #expect(try site.machine("show").outputText.contains("on trial until"))
        #expect(try !site.machine("plan", "boot").outputText.contains("FIX-1"))
        #expect(try await site.prints("1"))
        #expect(exitCode(try site.machine("upgrade", "-y", "--trial", "60s")) == 0)
        #expect(exitCode(try site.machine("accept", "FIX-1")) == 0)
        #expect(try site.machine("plan", "boot").outputText.contains("FIX-1"))
    }

    @Test func `a trial whose health check fails is over at once`() async throws {
        let site = try ClientSite()
        try site.publish()
        try site.configure("health_checks: \"test \\\"x\\\" = y\"\n".replacingOccurrences(of: "\\\"", with: ""))
        let result = try site.machine("upgrade", "-y", "--trial", "60s")
        #expect(result.outputText.contains("CLI-UNHEALTHY"))
        #expect(try await site.prints("1"))
    }

    @Test func `a rogue mirror can't make this machine take an older or a foreign file`() throws {
        let site = try ClientSite()
        try site.publish()
        #expect(exitCode(try site.machine("refresh")) == 0)
        let old = try FileSystem.read(site.channel + "/metadata/timestamp.json")
        try site.publish("FIX-2", value: 3)
        #expect(exitCode(try site.machine("refresh")) == 0)
        try FileSystem.replace(site.channel + "/metadata/timestamp.json", with: old)
        #expect(exitCode(try site.machine("refresh", "--whole")) == 15)
        #expect(exitCode(try site.machine("refresh")) == 15)
    }

    @Test(arguments: ["", "no patch", "\u{7f}ELF"])
    func `what is no live patch doesn't get into a channel, and the file is named`(content: String) throws {
        let site = try ClientSite()
        try site.publish()
        let before = try FileManager.default.subpathsOfDirectory(atPath: site.channel).sorted()
        try site.shop.write("BAD-1.tsp", content)
        let added = try site.tsugite([
            "channel", "add", site.channel, site.shop.path("BAD-1.tsp"), "--family", "user/shop",
            "--effective-version", "9",
        ])
        #expect(exitCode(added) == 13)
        #expect(added.errorText.contains("BAD-1.tsp") && added.errorText.contains("tsugite build"))
        #expect(try FileManager.default.subpathsOfDirectory(atPath: site.channel).sorted() == before)
    }

    @Test func `where nobody can be asked, a verb shows its own usage`() throws {
        let site = try ClientSite()
        try site.publish()
        let asked = try site.machine("upgrade")
        #expect(exitCode(asked) == 64)
        #expect(asked.errorText.contains("Nobody is there") && asked.errorText.contains("tsugite upgrade ["))
        #expect(exitCode(try site.machine("upgrade", "-y")) == 0)
        let removal = try site.machine("remove", "--all")
        #expect(exitCode(removal) == 64 && removal.errorText.contains("tsugite remove ["))
    }

    @Test func `a look for news doesn't read the whole catalogue, and does without its short form`() throws {
        let site = try ClientSite()
        try site.publish()
        let first = try site.machine("refresh")
        #expect(exitCode(first) == 0, "\(first.errorText)")
        let folder = site.root + "/var/lib/tsugite/catalogues"
        let files = try FileManager.default.contentsOfDirectory(atPath: folder).sorted()
        let short = try #require(files.first { $0.hasSuffix(".offer") })
        // Whoever reads the whole would stumble here.
        let whole = folder + "/" + short.dropLast(6) + ".json"
        let kept = try String(contentsOfFile: whole, encoding: .utf8)
        try "damaged".write(toFile: whole, atomically: true, encoding: .utf8)
        let second = try site.machine("refresh")
        #expect(exitCode(second) == 0 && second.outputText == first.outputText, "\(second.errorText)")
        try kept.write(toFile: whole, atomically: true, encoding: .utf8)
        for damage in ["", "{}", "{\"version\":-1,\"entries\":0}"] {
            try damage.write(toFile: folder + "/" + short, atomically: true, encoding: .utf8)
            let third = try site.machine("refresh")
            #expect(exitCode(third) == 0 && third.outputText == first.outputText, "\(third.errorText)")
        }
    }

    @Test func `plans wait for the next boot, and a replay puts the set back`() async throws {
        let site = try ClientSite()
        try site.publish()
        #expect(exitCode(try site.machine("upgrade", "-y")) == 0)
        // A reboot: memory is gone, and so is the channel.
        #expect(exitCode(try site.tsugite(["undo", "FIX-1", "--pid", "\(site.pid)"])) == 0)
        #expect(try await site.prints("1"))
        try Directory.removeTree(site.channel)
        #expect(exitCode(try site.machine("boot", "replay")) == 0)
        #expect(try await site.prints("2"))
        #expect(exitCode(try site.machine("boot", "settled")) == 0)
        try site.shop.write("root/etc/tsugite/disable", "")
        #expect(try site.machine("boot", "replay").outputText.contains("CLI-DISABLED"))
    }

    @Test func `the timer installs within the windows only, asks when it is due, and says as much as it is told`()
        async throws
    {
        let site = try ClientSite()
        try site.publish()
        func auto(_ lines: String) throws -> CommandResult {
            try site.configure("autoinstall: yes\n" + lines)
            return try site.machine("refresh", "--auto", "--when-due")
        }
        // A window of one minute, twelve hours from now, by this machine's clock.
        let far = Calendar.current.dateComponents([.hour], from: Date(timeIntervalSinceNow: 12 * 3600)).hour ?? 0
        let closed = "windows: \"\(far < 10 ? "0" : "")\(far):00-\(far < 10 ? "0" : "")\(far):01\"\n"
        #expect(exitCode(try auto(closed)) == 0)
        #expect(try await site.prints("1"))
        try Directory.removeTree(site.channel + "/metadata")
        // Not due: the channel isn't asked, what is known and allowed is done; its file is missing here yet.
        let quiet = try auto(closed + "log_level: error\n")
        #expect(exitCode(quiet) == 0 && quiet.errorText.isEmpty)
        #expect(try auto(closed + "log_level: debug\n").errorText.contains("aren't asked yet"))
        #expect(exitCode(try auto(closed + "check_interval: 0s\njitter: 0s\n")) == 0)
        #expect(try auto(closed + "check_interval: 0s\njitter: 0s\n").errorText.contains("CHN-"))
    }

    @Test func `fetching and parsing is done without rights`() throws {
        let site = try ClientSite()
        try site.publish()
        #expect(exitCode(try site.machine("upgrade", "-y")) == 0)
        let owners = try Command(
            "/usr/bin/find", [site.root + "/var/lib/tsugite/fetch", "-mindepth", "1", "-printf", "%U\n"]
        ).run().outputText.split(separator: "\n")
        #expect(!owners.isEmpty && !owners.contains("0"))
        // What such a process can't read, a channel can't offer.
        _ = try Command("/usr/bin/chmod", ["700", site.channel]).run()
        #expect([13, 14].contains(exitCode(try site.machine("refresh"))))
    }

    @Test func `before an action ends, all four plans are stored`() throws {
        let site = try ClientSite()
        try site.publish()
        func ids(_ plan: String) throws -> [Substring] {
            try site.machine("plan", plan, "--json").outputText.matches(of: /"id" : "([^"]*)"/).map(\.1)
        }
        #expect(exitCode(try site.machine("upgrade", "-y")) == 0)
        try site.publish("FIX-2", value: 3, more: ["--supersedes", "FIX-1"])
        #expect(exitCode(try site.machine("hold", "FIX-2")) == 0)
        #expect(exitCode(try site.machine("upgrade", "-y")) == 10)
        for name in ["upgrade", "boot", "remove", "undo"] {
            #expect(FileFacts.exists(site.root + "/var/lib/tsugite/plans/\(name).json"))
        }
        #expect(try ids("boot") == ["FIX-1"] && ids("remove") == ["FIX-1"] && ids("undo") == ["FIX-1"])
        try Directory.removeTree(site.channel)
        #expect(exitCode(try site.machine("plan", "undo", "--run")) == 0)
        #expect(try ids("boot") == [])
    }

    @Test func `the classic names lead to the same command`() throws {
        let site = try ClientSite()
        try site.publish()
        try FileSystem.makeDirectory(site.shop.path("bin"))
        func classic(_ name: String, _ words: String...) throws -> CommandResult {
            let link = site.shop.path("bin/\(name)")
            if !FileFacts.exists(link) { _ = try Command("/usr/bin/ln", ["-s", TsugiteCommand.path, link]).run() }
            return try Command(link, words).run()
        }
        #expect(try classic("uptrack-uname", "-r").outputText == FileSystem.readText("/proc/sys/kernel/osrelease"))
        #expect(exitCode(try classic("uptrack-install", "--all", "x")) == 64)
        #expect(exitCode(try classic("ksplice", "user", "show", "--pid=1")) == 0)
        #expect(exitCode(try classic("ksplice", "all", "list-targets")) == 0)
        #expect(try classic("uptrack-upgrade", "-V").outputText == site.tsugite(["--version"]).outputText)
    }

    @Test func `inspect tells what would fix another machine`() throws {
        let site = try ClientSite()
        try site.publish()
        try site.machine("refresh")
        #expect(try site.machine("inspect", "--package", "shop=1.0").outputText.contains("[FIX-1] CVE-2026-0002"))
        #expect(try site.machine("inspect", "--package", "shop=9").outputText.contains("nothing is needed"))
        #expect(
            try site.machine("inspect", "--package", "other=1").outputText.contains("no attached channel cares"))
    }

    @Test func `two commands don't change the machine at once, and the second names the first`() async throws {
        let site = try ClientSite()
        try site.publish()
        let sleeper = "sleep 3"
        try site.configure("health_checks: [\(sleeper)]\n")
        let slow = Process()
        slow.executableURL = URL(fileURLWithPath: TsugiteCommand.path)
        slow.arguments = ["upgrade", "-y", "--trial", "60s", "--root", site.root]
        slow.standardOutput = FileHandle.nullDevice
        slow.standardError = FileHandle.nullDevice
        try slow.run()
        #expect(try await site.prints("2"))
        let second = try site.machine("remove", "--all", "-y", "--lock-wait", "100ms")
        #expect(exitCode(second) == 13)
        #expect(
            second.errorText.contains(
                "tsugite upgrade (process \(slow.processIdentifier)) is changing this machine"))
        slow.waitUntilExit()
    }
}
