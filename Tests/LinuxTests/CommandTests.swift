import Linux
import Testing

@Suite struct `Tools` {
    @Test func `collects both outputs and the exit code`() throws {
        let result = try Command("sh", ["-c", "echo out; echo err >&2; exit 7"]).run()
        #expect(result.status == .exited(code: 7))
        #expect(result.outputText == "out\n" && result.errorText == "err\n")
        #expect(!result.succeeded && !result.timedOut)
    }

    @Test func `neither output blocks the other, and the limit holds`() throws {
        let script = "head -c 3000000 /dev/zero >&2; head -c 3000000 /dev/zero"
        var command = Command("sh", ["-c", script])
        command.outputLimit = 1_000_000
        let result = try command.run()
        #expect(result.succeeded)
        #expect(result.output.count == 1_000_000 && result.error.count == 1_000_000)
    }

    @Test func `passes input, environment and directory`() throws {
        let command = Command(
            "sh", ["-c", "cat; echo $WORD; pwd"], environment: ["WORD=x", "PATH=/usr/bin:/bin"],
            directory: "/usr/lib", input: Array("given ".utf8))
        #expect(try command.run().outputText == "given x\n/usr/lib\n")
    }

    @Test func `a tool that doesn't read its input is no harm`() throws {
        let command = Command("true", input: [UInt8](repeating: 65, count: 1 << 20))
        #expect(try command.run().succeeded)
    }

    @Test func `a deadline kills the tool and what it started`() throws {
        let result = try Command("sh", ["-c", "sleep 100 & sleep 100"], timeout: .milliseconds(50)).run()
        #expect(result.timedOut)
        #expect(result.status == .killed(.kill, coreDumped: false))
    }

    @Test func `a missing program is an error that names it`() {
        #expect(throws: SystemError(call: "execve", errno: .noSuchFile, object: "no-such-tool")) {
            try Command("no-such-tool").run()
        }
        #expect(throws: SystemError(call: "posix_spawn", errno: .noSuchFile, object: "/no/such/tool")) {
            try Command("/no/such/tool").run()
        }
    }

    @Test func `tools start with three descriptors and no blocked signals`() throws {
        let result = try Command("sh", ["-c", "ls /proc/self/fd; grep SigBlk /proc/self/status"]).run()
        // The fourth is the directory that ls lists.
        #expect(result.outputText == "0\n1\n2\n3\nSigBlk:\t0000000000000000\n")
    }

    @Test func `a child that isn't waited for is killed and reaped`() throws {
        func started() throws -> ProcessID {
            let child = try ChildProcess(Command("sleep", ["100"]))
            return child.id
        }
        let id = try started()
        #expect(throws: SystemError(call: "kill", errno: .noSuchProcess, object: "process \(id)")) {
            try id.send(.none)
        }
    }
}
