import ArgumentParser
import Testing

@testable import tsugite

@Suite struct KernelCommandTests {
    @Test(arguments: [
        (["build", "--kernel", "--patch", "a"], ["build", "--kernel", "running", "--patch", "a"]),
        (["build", "--patch", "a", "--kernel"], ["build", "--patch", "a", "--kernel", "running"]),
        (["build", "--kernel", "newest"], ["build", "--kernel", "newest"]),
        (["status", "--kernel"], ["status", "--kernel"]), (["apply", "--kernel"], ["apply", "--kernel"]), ([], []),
    ])
    func `an empty kernel option means the running one`(_ given: [String], _ meant: [String]) {
        #expect(Tsugite.normalised(given) == meant)
    }

    @Test(arguments: [
        ["build", "--patch", "a.diff"], ["build", "--kernel", "newest", "--patch", "a", "--source", "."],
        ["build", "--kernel", "newest", "--patch", "a", "--sign-key", "k"],
    ])
    func `contradictory options are refused`(_ arguments: [String]) {
        #expect(throws: (any Error).self) { try Tsugite.parseAsRoot(arguments) }
    }

    @Test func `a build for a kernel needs neither tree nor target`() throws {
        let command = try #require(
            try Tsugite.parseAsRoot(["build", "--kernel", "a.deb", "b.deb", "--patch", "x.diff"]) as? Build)
        #expect(command.kernel.kernel == ["a.deb", "b.deb"] && command.source == nil)
    }
}
