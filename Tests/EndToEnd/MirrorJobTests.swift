import Foundation
import Linux
import TestSupport
import Testing

/// Mirrors, archives, bundles and packages of updates, by the commands that people type.
@Suite(.serialized, .enabled(if: mayTrace, "needs root: attaches to processes"))
struct MirrorJobTests {
    private func sync(_ site: ClientSite, _ folder: String, _ from: String, _ more: String...) throws
        -> CommandResult
    {
        try site.tsugite(
            ["mirror", "sync", folder, "--from", from, "--trusted-root", site.channel + "/metadata/1.root.json"]
                + more)
    }

    @Test(.enabled(if: WebSite.isPossible, "needs nginx"))
    func `a machine follows a mirror of a mirror, each behind nginx`() async throws {
        let site = try ClientSite()
        try site.publish()
        let (first, second) = (site.shop.path("mirror-1"), site.shop.path("mirror-2"))
        let origin = try WebSite(site.channel)
        let forecast = try sync(site, first, origin.address, "--forecast")
        #expect(exitCode(forecast) == 0 && forecast.outputText.contains("to fetch: 1 files"))
        #expect(try site.tsugite(["mirror", "status", first]).outputText.contains("state: unsynced"))
        #expect(exitCode(try sync(site, first, origin.address, "--parallel", "3")) == 0)
        #expect(try site.tsugite(["mirror", "status", first]).outputText.contains("state: synced"))
        let copy = try WebSite(first)
        #expect(exitCode(try sync(site, second, copy.address)) == 0)
        let last = try WebSite(second)
        try site.configure("", url: last.address)
        #expect(exitCode(try site.machine("upgrade", "-y")) == 0)
        #expect(try await site.prints("2"))
        // Each file went over each wire once; nothing new costs one request.
        for server in [origin, copy, last] {
            #expect(try server.requests().count { $0.hasSuffix(".tsp") } == 1)
        }
        let before = try last.requests().count
        #expect(exitCode(try site.machine("refresh")) == 0)
        #expect(try last.requests().count == before + 1)
        // A server that is gone leaves the mirror as it was.
        #expect(exitCode(try sync(site, first, "http://127.0.0.1:9")) == 14)
        #expect(exitCode(try site.tsugite(["channel", "check", first])) == 0)
    }

    @Test func `a mirror is brought in step from a bundle, and served like any other`() async throws {
        let site = try ClientSite()
        try site.publish()
        let (bundle, mirror) = (site.shop.path("all.tar"), site.shop.path("mirror"))
        let root = site.channel + "/metadata/1.root.json"
        #expect(
            exitCode(
                try site.tsugite([
                    "channel", "export", site.channel, "--for", "ALL", "--output", bundle, "--keys",
                    site.shop.path("keys/online"),
                ])) == 0)
        #expect(exitCode(try site.tsugite(["mirror", "import", bundle, mirror, "--trusted-root", root])) == 0)
        try site.configure("", url: mirror)
        #expect(exitCode(try site.machine("upgrade", "-y")) == 0)
        #expect(try await site.prints("2"))
        let part = site.shop.path("part.tar")
        _ = try site.tsugite([
            "channel", "export", site.channel, "--for", "user/shop", "--output", part, "--keys",
            site.shop.path("keys/online"),
        ])
        let refused = try site.tsugite(["mirror", "import", part, mirror])
        #expect(exitCode(refused) != 0 && refused.errorText.contains("a mirror needs ALL"))
        var bytes = try FileSystem.read(bundle)
        bytes[bytes.count / 2] ^= 1
        try FileSystem.replace(bundle, with: bytes)
        #expect(
            exitCode(try site.tsugite(["mirror", "import", bundle, site.shop.path("m2"), "--trusted-root", root]))
                != 0)
    }

    @Test func `replaced updates move to an archive, which stays verifiable`() throws {
        let site = try ClientSite()
        try site.publish()
        let archive = site.shop.path("archive")
        func run() throws -> CommandResult {
            try site.sign(
                "archive", "--to", archive, "--keys", site.shop.path("archive-keys/publisher"),
                site.shop.path("archive-keys/online"))
        }
        #expect(
            exitCode(try site.tsugite(["channel", "init", archive, "--new-keys", site.shop.path("archive-keys")]))
                == 0)
        #expect(try run().outputText.contains("nothing to do"))
        try site.publish("FIX-2", value: 3, more: ["--supersedes", "FIX-1"])
        #expect(try run().outputText.contains("archived FIX-1"))
        #expect(try run().outputText.contains("nothing to do"))
        for folder in [site.channel, archive] {
            #expect(exitCode(try site.tsugite(["channel", "check", folder])) == 0)
        }
        func ids(_ folder: String) throws -> [String] {
            ["FIX-1", "FIX-2"].filter { id in
                ((try? site.tsugite(["channel", "advisories", folder]))?.outputText.contains("channel-\(id)\""))
                    == true
            }
        }
        #expect(try ids(site.channel) == ["FIX-2"])
        #expect(try ids(archive) == ["FIX-1"])
    }

    @Test func `a schedule is a timer with jitter, and can be taken away`() throws {
        let folder = try TemporaryDirectory(prefix: "tsugite-units")
        let words = ["mirror", "schedule", "/srv/the mirror", "--units", folder.path]
        #expect(
            exitCode(
                try TsugiteCommand.run(words + ["--from", "http://x.example/", "--every", "2h", "--jitter", "9m"]))
                == 0)
        let name = folder.path + "/tsugite-mirror-srv-the-mirror"
        let timer = try FileSystem.readText(name + ".timer")
        #expect(timer.contains("OnUnitInactiveSec=2h\n") && timer.contains("RandomizedDelaySec=9m\n"))
        let service = try FileSystem.readText(name + ".service")
        #expect(service.contains("mirror sync '/srv/the mirror' --from 'http://x.example/'"))
        let checked = try Command("/usr/bin/systemd-analyze", ["verify", name + ".timer"]).run()
        #expect(!checked.errorText.contains(name + ".timer:"))
        #expect(exitCode(try TsugiteCommand.run(words + ["--remove"])) == 0)
        #expect(!FileFacts.exists(name + ".timer"))
        for bad in [["--from", "http://x'; rm"], ["--from", "http://x/", "--every", "soon"], []] {
            #expect(exitCode(try TsugiteCommand.run(words + bad)) == 64)
        }
    }

    @Test func `a package of updates applies at once, unless that is switched off`() async throws {
        let site = try ClientSite()
        try site.publish()
        let output = site.shop.path("packages")
        let made = try site.tsugite([
            "channel", "deb", site.channel, "--for", "user/shop", "kernel/6.1.0-9-amd64", "--output", output,
        ])
        #expect(
            exitCode(made) == 0 && made.outputText.contains("tsugite-updates-6.1.0-9-amd64")
                && made.outputText.contains("nothing yet"))
        let place = try Command(
            "/bin/sh", ["-c", "for p in '\(output)'/*.deb; do dpkg-deb -x $p '\(site.root)'; done"]
        ).run()
        #expect(place.succeeded)
        #expect(
            try site.machine("apply-package", "tsugite-updates-6.1.0-9-amd64").outputText.contains("nothing yet"))
        try site.configure("skip_apply_after_pkg_install: yes\n")
        #expect(
            try site.machine("apply-package", "tsugite-updates-shop").outputText.contains("placed, not applied"))
        #expect(try await site.prints("1"))
        try site.configure("")
        #expect(exitCode(try site.machine("apply-package", "tsugite-updates-shop")) == 0)
        #expect(try await site.prints("2"))
        #expect(exitCode(try site.machine("apply-package", "tsugite-updates-shop")) == 10)
        // A file that isn't what the catalogue names is refused.
        #expect(exitCode(try site.machine("remove", "--all", "-y")) == 0)
        let folder = site.root + "/usr/share/tsugite/updates/tsugite-updates-shop"
        let damage = "for f in '\(folder)'/*.tsp; do printf x >>$f; done"
        _ = try Command("/bin/sh", ["-c", damage]).run()
        let refused = try site.machine("apply-package", "tsugite-updates-shop")
        #expect(exitCode(refused) == 15 && refused.errorText.contains("CHN-MISMATCH"))
    }
}
