import Linux
import TestSupport
import Testing

/// Whether this machine lets us trace our own children; containers without the right are skipped visibly.
let mayTrace: Bool = {
    guard let status = try? ProcessTreeTracer(Command("true")).run({ _ in }) else { return false }
    return status == .exited(code: 0)
}()

@Suite(.serialized, .timeLimit(.minutes(1)), .enabled(if: mayTrace, "ptrace isn't permitted here: run as root"))
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

    @Test func `sees every exec of a nested make`() throws {
        let folder = try TemporaryDirectory()
        try FileSystem.makeDirectory(folder.path + "/sub")
        try FileSystem.replace(folder.path + "/Makefile", with: "all: ; /bin/echo outer && $(MAKE) -j4 -C sub\n")
        let rules = (1...20).map { "t\($0): ; @/bin/echo inner \($0)\n" }.joined()
        let all = "all:" + (1...20).map { " t\($0)" }.joined() + "\n"
        try FileSystem.replace(folder.path + "/sub/Makefile", with: all + rules)
        let (status, found) = try programs("make", directory: folder.path)
        #expect(status == .exited(code: 0))
        #expect(found.filter { $0.contains("inner") }.count == 20)
        #expect(found.filter { $0.contains("-C sub") && !$0.contains("outer") }.count == 1)
    }

    @Test func `names the parent of each process, and reports each end`() throws {
        var parents: [ProcessID: ProcessID] = [:]
        var executed: [ProcessID] = []
        var ending: Set<ProcessID> = []
        var ended: [ProcessID: WaitStatus] = [:]
        var tracer = ProcessTreeTracer(Command("sh", ["-c", "(sh -c 'exit 4'; exit 5); true"]))
        tracer.output = -1
        tracer.stopsAtEnd = true
        let status = try tracer.run { event in
            switch event {
            case .ending(let process): ending.insert(process)
            case .fork(let child, let parent): parents[child] = parent
            case .exec(let process, let parent):
                executed.append(process)
                #expect(parents[process, default: parent] == parent)
            case .exit(let process, let status): ended[process] = status
            }
        }
        #expect(status == .exited(code: 0))
        let root = try #require(executed.first)
        let subshell = try #require(parents.first { $0.value == root && ended[$0.key] == .exited(code: 5) }).key
        let inner = try #require(parents.first { $0.value == subshell }).key
        #expect(ended[inner] == .exited(code: 4))
        #expect(Set(ended.keys) == Set(parents.keys).union([root]))
        #expect(ending == Set(ended.keys))
    }

    @Test func `threads, vfork and exec from a thread are followed`() throws {
        let compiler = try Compiler(.gcc)
        let program = try compiler.compile(
            """
            #include <pthread.h>
            #include <unistd.h>
            static void *spawn(void *x) {
                if (vfork() == 0) { execl("/bin/echo", "echo", "from a vfork", (char *)0); _exit(1); }
                return x;
            }
            static void *become(void *x) { execl("/bin/echo", "echo", "from a thread", (char *)0); return x; }
            int main(void) {
                pthread_t t[4];
                for (int i = 0; i < 4; i++) pthread_create(&t[i], 0, spawn, 0);
                for (int i = 0; i < 4; i++) pthread_join(t[i], 0);
                pthread_create(&t[0], 0, become, 0);
                for (;;) pause();
            }
            """, ["-O0", "-pthread"])
        let (status, found) = try programs("exec " + program)
        #expect(status == .exited(code: 0))
        #expect(found.filter { $0 == "echo from a vfork" }.count == 4)
        // In any order: vfork's parent goes on before its child's exec is reported.
        #expect(found.filter { $0 == "echo from a thread" }.count == 1)
    }

    @Test func `signals arrive and group stops hold, as without a tracer`() throws {
        let (status, _) = try programs("trap 'exit 6' USR1; kill -USR1 $$; exit 1")
        #expect(status == .exited(code: 6))
        let (killed, _) = try programs("kill -TERM $$")
        #expect(killed == .killed(.terminate, coreDumped: false))
        // The child stops itself; the shell sees that it stays stopped, and wakes it.
        let script = """
            sh -c 'kill -STOP $$; exit 9' & child=$!
            # A traced process shows t where another shows T.
            while ! grep -q '^State:.[tT]' /proc/$child/status; do sleep 0.01; done
            sleep 0.05; grep -q '^State:.[tT]' /proc/$child/status || exit 1
            kill -CONT $child; wait $child
            """
        #expect(try programs(script).0 == .exited(code: 9))
    }

    @Test func `a program that can't be started is an error with its reason`() throws {
        #expect(throws: SystemError(call: "execve", errno: .noSuchFile, object: "/no/such")) {
            try ProcessTreeTracer(Command("/no/such")).run { _ in }
        }
        let folder = try TemporaryDirectory()
        let path = folder.path + "/data"
        try FileSystem.replace(path, with: "not a program", mode: 0o644)
        #expect(throws: SystemError(call: "execve", errno: .accessDenied, object: path)) {
            try ProcessTreeTracer(Command(path)).run { _ in }
        }
        #expect(throws: SystemError.self) {
            try ProcessTreeTracer(Command("true", directory: "/no/such/folder")).run { _ in }
        }
    }

    @Test func `what outlives the command is let go, watched or killed`() throws {
        func run(_ leftovers: ProcessTreeTracer.Leftovers, _ seconds: String) throws -> (ProcessID, ended: Bool) {
            var sleeper = ProcessID(0)
            var ended = false
            var tracer = ProcessTreeTracer(Command("sh", ["-c", "exec 2>&1; sleep \(seconds) & sleep 0.2"]))
            tracer.output = -1
            tracer.error = -1
            tracer.leftovers = leftovers
            var reader = ProcReader()
            _ = try tracer.run { event in
                if case .exec(let process, _) = event,
                    (try? reader.arguments(of: process)) == ["sleep", seconds]
                {
                    sleeper = process
                }
                if case .exit(let process, _) = event, process == sleeper { ended = true }
            }
            return (sleeper, ended)
        }
        let (detached, seen) = try run(.detach, "100")
        var reader = ProcReader()
        #expect(try reader.status(of: detached).tracer == ThreadID(0) && !seen)
        try detached.send(.kill)
        #expect(try run(.wait, "0.5").ended)
        #expect(try run(.kill, "100").ended)
    }
}
