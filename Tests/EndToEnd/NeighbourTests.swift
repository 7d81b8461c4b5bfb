import Linux
import TestSupport
import Testing

/// Verbs that need a network are another program's; the command must feel like one.
@Suite struct NeighbourTests {
    @Test(arguments: ["channel", "mirror", "tuf"])
    func `help of the command lists a neighbour's verb`(verb: String) throws {
        let help = try TsugiteCommand.run(["--help"])
        #expect(help.outputText.contains("\n  \(verb)"))
    }

    @Test func `a neighbour's verb answers help as if it were the command's own`() throws {
        let direct = try TsugiteCommand.run(["channel", "publish", "--help"])
        let helped = try TsugiteCommand.run(["help", "channel", "publish"])
        #expect(direct.outputText.contains("USAGE: tsugite channel publish"))
        #expect(direct.outputText == helped.outputText)
    }

    @Test func `a neighbour's exit status is the command's`() throws {
        #expect(exitCode(try TsugiteCommand.run(["mirror", "sync"])) == 64)
        #expect(exitCode(try TsugiteCommand.run(["channel", "check", "/nonexistent"])) == 15)
    }

    @Test func `a command without its neighbour says so`() throws {
        let folder = try TemporaryDirectory(prefix: "tsugite-alone")
        let copy = folder.path + "/tsugite"
        #expect(try Command("/usr/bin/cp", [TsugiteCommand.path, copy]).run().succeeded)
        let result = try Command(copy, ["mirror", "status", "/x"]).run()
        #expect(exitCode(result) == 70)
        #expect(result.errorText.contains("tsugite-channel can't be run"))
    }
}
