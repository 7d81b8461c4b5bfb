import Linux
import Testing

@Suite(.serialized, .timeLimit(.minutes(1)), .enabled(if: mayTrace, "ptrace isn't permitted here: run as root"))
struct `Tracing threads` {
    /// Eight threads that spin in one function, and the main thread that sleeps in another.
    static let spinners = """
        #include <pthread.h>
        #include <stdio.h>
        #include <unistd.h>
        static volatile unsigned long counter;
        __attribute__((noinline)) static int answer(void) { __asm__ volatile(""); return 1; }
        static void *spin(void *x) { for (;;) counter += answer(); return x; }
        int main(void) {
            pthread_t t;
            for (int i = 0; i < 8; i++) pthread_create(&t, NULL, spin, NULL);
            printf("%lx %lx\\n", (unsigned long)&counter, (unsigned long)answer);
            fflush(stdout);
            for (;;) pause();
        }
        """

    private func stopAll(_ threads: [ThreadID]) -> Bool {
        for thread in threads where Tracing.seize(thread).failed { return false }
        for thread in threads where Tracing.interrupt(thread).failed { return false }
        for thread in threads where Tracing.wait(thread).status != .interruptStop { return false }
        return true
    }

    @Test func `stops all threads of a process, and they go on afterwards`() throws {
        let victim = try Victim(Self.spinners)
        let threads = try ThreadList.now(of: victim.id)
        #expect(threads.count == 9)
        #expect(stopAll(threads))
        let memory = try RemoteMemory(of: victim.id)
        let before = try memory.word(at: victim.addresses[0])
        #expect(try memory.word(at: victim.addresses[0]) == before, "a stopped process doesn't count")
        for thread in threads { #expect(!Tracing.detach(thread).failed) }
        #expect(try victim.eventually { try memory.word(at: victim.addresses[0]) != before })
        #expect(try victim.tracer() == ThreadID(0))
    }

    @Test func `reads all stacks of a stopped process in one gather`() throws {
        let victim = try Victim(Self.spinners)
        let threads = try ThreadList.now(of: victim.id)
        #expect(stopAll(threads))
        defer { for thread in threads { _ = Tracing.detach(thread) } }
        var ranges: [RemoteRange] = []
        for thread in threads {
            var registers = Registers()
            #expect(!Tracing.registers(thread, into: &registers).failed)
            #expect(registers.runs64BitCode)
            #expect(registers.dwarfRegister(16) == registers.instructionPointer.rawValue)
            #expect(registers.dwarfRegister(7) == registers.stackPointer.rawValue)
            #expect(registers.dwarfRegister(17) == nil)
            ranges.append(RemoteRange(start: registers.stackPointer, count: 64))
        }
        // More ranges than one call takes, so that the batches are joined.
        ranges = Array(repeating: ranges, count: 200).flatMap(\.self)
        let memory = try RemoteMemory(of: victim.id)
        let gathered = gather(memory, ranges, capacity: ranges.count * 64)
        #expect(gathered.result.rawValue == ranges.count * 64)
        for index in [0, 8, 1023, 1024, ranges.count - 1] {
            #expect(try memory.bytes(ranges[index]) == Array(gathered.bytes[index * 64..<index * 64 + 64]))
        }
    }

    private func gather(
        _ memory: borrowing RemoteMemory, _ ranges: [RemoteRange], capacity: Int
    ) -> (result: SystemCallResult, bytes: [UInt8]) {
        var bytes = [UInt8](repeating: 0, count: capacity)
        // Sound: both pointers are used within their closures only.
        let result = unsafe ranges.withUnsafeBufferPointer { ranges in
            unsafe bytes.withUnsafeMutableBytes { buffer in unsafe memory.gather(ranges, into: buffer) }
        }
        return (result, bytes)
    }

    @Test func `a gather over a hole answers what came before it`() throws {
        let victim = try Victim(Self.spinners)
        let memory = try RemoteMemory(of: victim.id)
        let good = RemoteRange(start: victim.addresses[1], count: 8)
        let hole = RemoteRange(start: RemoteAddress(0x10), count: 8)
        #expect(gather(memory, [good, hole, good], capacity: 24).result == SystemCallResult(8))
        #expect(gather(memory, [hole, good], capacity: 16).result.error == .badAddress)
        #expect(gather(memory, [], capacity: 16).result == SystemCallResult(0))
        #expect(gather(memory, [good, good], capacity: 12).result == SystemCallResult(12))
        let endless = RemoteRange(start: good.start, count: .max)
        #expect(gather(memory, [endless, endless], capacity: 16).result.failed)
        #expect(throws: SystemError.self) { try memory.bytes(hole) }
        #expect(throws: SystemError.self) { try memory.bytes(endless) }
    }

    @Test func `writes over read-only text of a running process`() throws {
        let victim = try Victim(Self.spinners)
        let code = victim.addresses[1]
        let memory = try RemoteMemory(of: victim.id, writable: true)
        var reader = ProcReader()
        let area = try #require(reader.mappings(of: victim.id).first { $0.area.contains(code) }).area
        #expect(area.permissions == [.read, .execute])
        let original = try memory.bytes(RemoteRange(start: code, count: 6))
        // mov $0x40000000, %eax; ret: the counter leaps.
        try memory.write([0xb8, 0, 0, 0, 0x40, 0xc3], at: code)
        #expect(try victim.eventually { try memory.word(at: victim.addresses[0]) > 1 << 40 })
        try memory.write(original, at: code)
        #expect(try memory.bytes(RemoteRange(start: code, count: 6)) == original)
        #expect(try reader.mappings(of: victim.id).first { $0.area.contains(code) }?.area == area)
        // Without the right to open mapped files the refusal says so.
        switch Result(catching: { try FileFacts.of(ProcessFiles.openMapped(area, of: victim.id)) }) {
        case .success(let facts): #expect(facts.identity.inode == area.file.inode)
        case .failure(let error): #expect((error as? SystemError)?.errno == .notPermitted)
        }
    }

    @Test func `memory opened before an exec doesn't reach the new program`() throws {
        let victim = try Victim(
            """
            #include <stdio.h>
            #include <unistd.h>
            int main(void) {
                printf("%lx\\n", (unsigned long)main);
                fflush(stdout);
                usleep(300000);
                execl("/bin/sleep", "sleep", "100", (char *)0);
            }
            """)
        let memory = try RemoteMemory(of: victim.id)
        _ = try memory.word(at: victim.addresses[0])
        var reader = ProcReader()
        #expect(try victim.eventually { try reader.name(of: victim.id) == "sleep" })
        #expect(throws: SystemError.self) { try memory.word(at: victim.addresses[0]) }
    }

    @Test func `dropping a traced thread lets it go, stopped or running`() throws {
        let victim = try Victim(Self.spinners)
        do {
            let thread = try TracedThread.seize(victim.id.mainThread)
            #expect(try victim.tracer() == .current)
            _ = consume thread
        }
        #expect(try victim.tracer() == ThreadID(0))
        do {
            let thread = try TracedThread.seize(victim.id.mainThread)
            try thread.interrupt()
            #expect(try thread.wait(until: .now.advanced(by: .seconds(10))) == .interruptStop)
            #expect(try thread.poll() == nil)
            #expect(try victim.state() == "t")
            _ = consume thread
        }
        #expect(try victim.tracer() == ThreadID(0))
        #expect(try victim.eventually { try victim.state() == "S" })
    }

    @Test func `refuses a second tracer and a process that has gone`() throws {
        let victim = try Victim(Self.spinners)
        let first = try TracedThread.seize(victim.id.mainThread)
        #expect(Tracing.seize(victim.id.mainThread).error == .notPermitted)
        try first.interrupt()
        _ = try first.wait()
        try first.detach()
        #expect(Tracing.seize(ThreadID(.max)).error == .noSuchProcess)
    }

    @Test func `reads and sets the signal mask, and finds the restartable sequence area`() throws {
        let victim = try Victim(Self.spinners)
        // Between its last line and pause(2), eight spinners may hold the processors.
        #expect(try victim.eventually { try victim.state() == "S" })
        let thread = try TracedThread.seize(victim.id.mainThread)
        try thread.interrupt()
        #expect(try thread.wait() == .interruptStop)
        #expect(try thread.signalMask() == 0)
        try thread.setSignalMask(1 << 9)
        #expect(try thread.signalMask() == 1 << 9)
        try thread.setSignalMask(0)
        #expect(try thread.restartableSequences().area != RemoteAddress(0))
        let registers = try thread.registers()
        // pause(2) was interrupted by nothing but us: the kernel will restart it.
        #expect(registers.awaitsRestart && registers.systemCall == 34)
        try thread.detach()
    }

    @Test func `signals are seen before delivery and can be passed on`() throws {
        let victim = try Victim(Self.spinners)
        let thread = try TracedThread.seize(victim.id.mainThread)
        try victim.id.mainThread.send(.user1, in: victim.id)
        #expect(try thread.wait() == .signalStop(.user1))
        let information = try thread.signalInformation()
        #expect(information.signal == .user1 && information.sender == .current)
        try thread.detach(delivering: .user1)
        #expect(try victim.wait() == .killed(.user1, coreDumped: false))
    }

    @Test func `a group stop is told from a stop of ours and survives us`() throws {
        let victim = try Victim(Self.spinners)
        let thread = try TracedThread.seize(victim.id.mainThread)
        try victim.id.send(.stop)
        var status = try thread.wait()
        if status == .signalStop(.stop) {
            try thread.resume(delivering: .stop)
            status = try thread.wait()
        }
        #expect(status == .groupStop(.stop))
        try thread.listen()
        try thread.interrupt()
        #expect(try thread.wait() == .groupStop(.stop))
        try thread.detach()
        #expect(try victim.eventually { try victim.state() == "T" })
        try victim.id.send(.continue)
        #expect(try victim.eventually { try victim.state() == "S" })
    }

    @Test func `letting go of a process that forks wildly loses no child and no signal`() throws {
        let victim = try Victim(
            """
            #include <signal.h>
            #include <stdio.h>
            #include <sys/wait.h>
            #include <unistd.h>
            static volatile unsigned long signals, forks;
            static void count(int s) { signals++; }
            int main(void) {
                signal(SIGUSR1, count);
                printf("%lx %lx\\n", (unsigned long)&signals, (unsigned long)&forks);
                fflush(stdout);
                for (;;) {
                    int status, child = fork();
                    if (child == 0) _exit(0);
                    while (waitpid(child, &status, 0) < 0) {}
                    if (!WIFEXITED(status)) return 9;
                    forks++;
                }
            }
            """)
        let memory = try RemoteMemory(of: victim.id)
        for round in 1...100 {
            let thread = try TracedThread.seize(victim.id.mainThread, options: [.fork, .killWhenTracerExits])
            try victim.id.mainThread.send(.user1, in: victim.id)
            _ = consume thread
            #expect(try victim.eventually { try memory.word(at: victim.addresses[0]) == UInt64(round) })
            // A child left behind in our hands would make its parent wait for ever.
            let forks = try memory.word(at: victim.addresses[1])
            #expect(try victim.eventually { try memory.word(at: victim.addresses[1]) > forks + 1 })
        }
    }

    @Test func `single steps move the instruction pointer`() throws {
        let victim = try Victim(Self.spinners)
        let spinner = try #require(ThreadList.now(of: victim.id).last)
        let thread = try TracedThread.seize(spinner)
        try thread.interrupt()
        _ = try thread.wait()
        let before = try thread.registers().instructionPointer
        try thread.step()
        #expect(try thread.wait() == .signalStop(.trap))
        #expect(try thread.registers().instructionPointer != before)
        try thread.detach()
    }
}
