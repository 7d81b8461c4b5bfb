import Linux
import TestSupport
import Testing

/// The caller's own mistakes: each is said as such, and never blamed on a channel or mirror.
@Suite final class ChannelUsageTests {
    private let folder: TemporaryDirectory
    private var channel: String { folder.path + "/channel" }

    init() throws {
        folder = try TemporaryDirectory(prefix: "tsugite-usage")
        let made = try TsugiteCommand.run(["channel", "init", channel, "--new-keys", folder.path + "/keys"])
        try #require(exitCode(made) == 0)
        try FileSystem.replace(folder.path + "/file", with: "content")
    }

    private func add(_ more: [String], file: String? = nil, channel: String? = nil) throws -> CommandResult {
        let all = ["--family", "user/x", "--effective-version", "1", "--build-id", "ab", "--id", "U1"]
        // An option that is given twice keeps its last value.
        return try TsugiteCommand.run(
            ["channel", "add", channel ?? self.channel, file ?? folder.path + "/file"] + all + more)
    }

    private func expect(_ result: CommandResult, _ status: Int, _ words: String) {
        #expect(exitCode(result) == status, "\(result.errorText)")
        #expect(result.errorText.contains(words), "\(result.errorText)")
        #expect(!result.errorText.contains("another mirror"), "\(result.errorText)")
    }

    @Test func `an update that can't be described is refused when it is added`() throws {
        expect(try add(["--family", "foo/x"]), 64, "a family is kernel/RELEASE, user/PACKAGE or zone/BASE")
        expect(try add(["--build-id", "XYZ"]), 64, "XYZ is no build-id")
        expect(try add(["--effective-version", ""]), 13, "--effective-version")
        expect(try add(["--provenance", "md5:zz"]), 13, "sha256:HEX")
        expect(try add(["--id", "A/../B"]), 13, "not an id")
        expect(try add([], channel: folder.path + "/nochan"), 13, "tsugite channel init")
        expect(
            try TsugiteCommand.run([
                "channel", "add", channel, "/nonexistent.tsp", "--family", "user/x", "--effective-version", "1",
            ]), 13, "Check the path")
        expect(try add([], file: "/nonexistent"), 13, "Check the path")
        try FileSystem.replace(folder.path + "/batch", with: "{\"file\": 1}\n")
        expect(
            try TsugiteCommand.run(["channel", "add", channel, "--batch", folder.path + "/batch"]), 13,
            "Correct that line")
        #expect(exitCode(try add([])) == 0)
    }

    @Test func `families of other verbs are checked before anything is done`() throws {
        let export = ["channel", "export", channel, "--output", folder.path + "/bundle"]
        expect(try TsugiteCommand.run(export + ["--for", "BOGUS"]), 64, "a family is")
        let packages = folder.path + "/packages"
        expect(
            try TsugiteCommand.run(["channel", "deb", channel, "--output", packages, "--for", "ALL"]), 64,
            "a family is")
        #expect(!FileFacts.exists(packages))
        expect(try TsugiteCommand.run(["channel", "withdraw", channel, "U1", "--reason", " "]), 64, "--reason")
        let ring = [
            "channel", "ring", channel, "--keys", folder.path + "/keys/publisher", folder.path + "/keys/online",
        ]
        expect(try TsugiteCommand.run(ring + ["--", "a b"]), 13, "Give another name")
        expect(try TsugiteCommand.run(ring + ["--soak-hours=99999", "--", "a"]), 13, "Give other --soak-hours")
    }

    @Test func `only what is there is served, on a port that there is`() throws {
        expect(
            try TsugiteCommand.run(["channel", "serve", "/nonexistent", "--port", "0"]), 13, "no channel or mirror")
        expect(try TsugiteCommand.run(["channel", "serve", channel, "--port", "99999"]), 64, "--port")
    }

    @Test func `a mirror of a family or address that makes no sense is refused`() throws {
        let mirror = folder.path + "/mirror"
        func sync(_ from: String, _ only: String...) throws -> CommandResult {
            try TsugiteCommand.run(
                [
                    "mirror", "sync", mirror, "--from", from, "--trusted-root", channel + "/metadata/1.root.json",
                    "--only",
                ] + only)
        }
        expect(try sync(channel, "bogus"), 64, "a family is")
        for address in ["ftp://x/", ""] { expect(try sync(address, "user/x"), 64, "an address is http://") }
        #expect(!FileFacts.exists(mirror))
        _ = try add([])
        _ = try TsugiteCommand.run(
            [
                "channel", "publish", channel, "--keys", folder.path + "/keys/publisher",
                folder.path + "/keys/online",
            ])
        expect(try sync(channel, "user/y"), 13, "it has: user/x")
        #expect(exitCode(try sync(channel, "user/x")) == 0)
    }

    @Test func `a schedule is refused for the reason that there is`() throws {
        func schedule(_ folder: String, _ every: String, _ from: String = "http://x/") throws -> CommandResult {
            try TsugiteCommand.run(
                ["mirror", "schedule", folder, "--units", self.folder.path, "--from", from, "--every", every])
        }
        expect(try schedule("mirror", "0s"), 64, "more than nothing")
        expect(try schedule("/mirror", "00h"), 64, "more than nothing")
        expect(try schedule("mirror", "1h"), 64, "Give the folder from / on")
        expect(try schedule("/mirror", "1h", "ftp://x/"), 64, "an address is http://")
    }

    @Test(arguments: ["int main;", "{}", "[]", "{\"a\": {\"b\": {}}}", "[{}]"])
    func `advisories in no known form are refused`(text: String) throws {
        let file = folder.path + "/advisories"
        try FileSystem.replace(file, with: text)
        let report = try TsugiteCommand.run(["report", "--root", folder.path, "--advisories", file])
        expect(report, 13, "OSV records")
    }

    @Test func `a process that isn't there is said to be gone`() throws {
        expect(try TsugiteCommand.run(["show", "--root", folder.path, "--pid", "99999999"]), 13, "[USR-GONE]")
        expect(try TsugiteCommand.run(["show", "--root", folder.path, "--pid", "0"]), 64, "no process id")
    }
}
