import Linux
import Testing

@Suite struct `Wait status` {
    struct Case: CustomTestStringConvertible {
        let raw: Int32
        let decoded: WaitStatus
        let testDescription: String
    }

    /// Words as the kernel composes them: wait(2), ptrace(2), "Stopped states".
    static let cases: [Case] = [
        Case(raw: 0x0000, decoded: .exited(code: 0), testDescription: "exit(0)"),
        Case(raw: 0x0300, decoded: .exited(code: 3), testDescription: "exit(3)"),
        Case(raw: 0xff00, decoded: .exited(code: 255), testDescription: "exit(-1)"),
        Case(raw: 0x0009, decoded: .killed(.kill, coreDumped: false), testDescription: "SIGKILL"),
        Case(raw: 0x008b, decoded: .killed(.segmentationFault, coreDumped: true), testDescription: "core"),
        Case(raw: 0x057f, decoded: .signalStop(.trap), testDescription: "SIGTRAP to be delivered"),
        Case(raw: 0x857f, decoded: .systemCallStop, testDescription: "system call"),
        Case(raw: 0x0a7f, decoded: .signalStop(.user1), testDescription: "SIGUSR1 to be delivered"),
        Case(raw: 0x137f, decoded: .signalStop(.stop), testDescription: "SIGSTOP to be delivered"),
        Case(raw: 0x1057f, decoded: .event(.fork), testDescription: "fork"),
        Case(raw: 0x2057f, decoded: .event(.vfork), testDescription: "vfork"),
        Case(raw: 0x3057f, decoded: .event(.clone), testDescription: "clone"),
        Case(raw: 0x4057f, decoded: .event(.exec), testDescription: "exec"),
        Case(raw: 0x5057f, decoded: .event(.vforkDone), testDescription: "vfork done"),
        Case(raw: 0x6057f, decoded: .event(.exit), testDescription: "exit event"),
        Case(raw: 0x7057f, decoded: .event(.seccomp), testDescription: "seccomp"),
        Case(raw: 0x80057f, decoded: .interruptStop, testDescription: "PTRACE_INTERRUPT"),
        Case(raw: 0x80137f, decoded: .groupStop(.stop), testDescription: "group stop by SIGSTOP"),
        Case(raw: 0x80147f, decoded: .groupStop(.terminalStop), testDescription: "group stop by Ctrl-Z"),
        Case(raw: 0x63057f, decoded: .unknown(0x63057f), testDescription: "an event of the future"),
        Case(raw: 0xffff, decoded: .continued, testDescription: "SIGCONT"),
    ]

    @Test(arguments: cases) func `decodes every kind of change`(_ item: Case) {
        #expect(WaitStatus(rawValue: item.raw) == item.decoded)
    }

    @Test func `any word decodes, and only stops count as stopped`() {
        var wrong: [Int32] = []
        for high: Int32 in [0, 1, 4, 7, 8, 0x7f, 0x80, 0xff, 0x7fff] {
            for low: Int32 in 0...0xffff {
                let word = high << 16 | low
                if WaitStatus(rawValue: word).isStopped, word & 0xff != 0x7f { wrong.append(word) }
            }
        }
        #expect(wrong.isEmpty)
    }
}
