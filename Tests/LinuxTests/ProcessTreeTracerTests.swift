import Linux
import Testing

/// Whether this machine lets us trace our own children; containers without the right are skipped visibly.
let mayTrace: Bool = {
    guard let status = try? ProcessTreeTracer(Command("true")).run({ _ in }) else { return false }
    return status == .exited(code: 0)
}()

@Suite(.serialized, .enabled(if: mayTrace, "ptrace isn't permitted here"))
struct `Process tree tracer` {
    /// Everything that was run, in order: name of the program, and of its parent's.
    private func programs(_ script: String, directory: String? = nil) throws -> (WaitStatus, [String]) {
        var reader = ProcReader()
        var found: [String] = []
        var tracer = ProcessTreeTracer(Command("sh", ["-c", script], directory: directory))
        tracer.output = -1
        tracer.error = -1
        let status = try tracer.run { event in
            guard case .exec(let process, _) = event else { return }
            found.append((try? reader.arguments(of: process).joined(separator: " ")) ?? "gone")
        }
        return (status, found)
    }

    @Test func `sees every exec of a pipeline`() throws {
        let (status, found) = try programs("echo a | cat | /bin/cat -; exit 3")
        #expect(status == .exited(code: 3))
        #expect(found.count == 3)
        #expect(found.contains("cat"))
        #expect(found.contains("/bin/cat -"))
    }
}
