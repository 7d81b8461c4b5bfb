import Findings
import Linux
import Testing

@Suite struct `Remote addresses` {
    @Test func `arithmetic answers nil instead of wrapping`() {
        let top = RemoteAddress(.max)
        let zero = RemoteAddress(0)
        #expect(top.adding(1) == nil && top.adding(0) == top)
        #expect(zero.subtracting(1) == nil)
        #expect(zero.offset(by: .min) == nil && top.offset(by: .max) == nil)
        #expect(RemoteAddress(1 << 63).offset(by: .min) == zero)
        #expect(zero.distance(to: top) == nil && top.distance(to: zero) == nil)
        #expect(RemoteAddress(10).distance(to: RemoteAddress(4)) == -6)
        #expect(RemoteAddress(0x1fff).alignedDown(to: 0x1000) == RemoteAddress(0x1000))
        #expect(RemoteAddress(0x1001).alignedUp(to: 0x1000) == RemoteAddress(0x2000))
        #expect(top.alignedUp(to: 0x1000) == nil)
        #expect(RemoteAddress(0x7f12).description == "0x7f12")
    }

    @Test func `ranges at the end of the space contain and overlap rightly`() {
        let last = RemoteRange(start: RemoteAddress(.max - 1), count: 2)
        #expect(last.end == nil)
        #expect(last.contains(RemoteAddress(.max)))
        #expect(!last.contains(RemoteAddress(.max - 2)))
        let empty = RemoteRange(start: RemoteAddress(5), count: 0)
        #expect(!empty.contains(RemoteAddress(5)))
        #expect(!empty.overlaps(RemoteRange(start: RemoteAddress(0), count: 10)))
        #expect(last.overlaps(RemoteRange(start: RemoteAddress(.max), count: 1)))
    }

    @Test func `a range is laid out as the kernel's iovec`() {
        #expect(MemoryLayout<RemoteRange>.size == 16 && MemoryLayout<RemoteRange>.stride == 16)
        #expect(MemoryLayout<RemoteRange>.offset(of: \.start) == 0)
        #expect(MemoryLayout<RemoteRange>.offset(of: \.count) == 8)
    }
}

@Suite struct `System errors` {
    @Test(arguments: [
        (Errno.notPermitted, "CAP_SYS_PTRACE"), (.accessDenied, "CAP_SYS_PTRACE"), (.noSuchProcess, "ended"),
    ])
    func `tracing errors name the remedy for their reason`(_ errno: Errno, _ word: String) {
        let error = SystemError(call: "ptrace(PTRACE_SEIZE)", errno: errno, object: "thread 7")
        #expect(error.finding.remedy.contains(word))
        #expect(error.finding.message.contains("thread 7"))
        #expect(error.finding.evidence.contains(.init("errno", errno.name)))
    }

    @Test func `names known and unknown numbers`() {
        #expect(Errno.notPermitted.name == "EPERM")
        #expect(Errno(rawValue: 4000).name == "errno 4000")
        #expect(Signal.terminate.description == "SIGTERM")
        #expect(Signal(rawValue: 4000).description == "signal 4000")
    }

    @Test func `an address in the upper half is not an error`() {
        #expect(!SystemCallResult(-4096).failed)
        #expect(SystemCallResult(-1).error == .notPermitted)
        #expect(SystemCallResult(0).error == nil)
    }

    @Test func `durations beyond the clock's reach end at the end of time`() {
        let now = MonotonicTime.now
        #expect(now.advanced(by: .seconds(Int64.max)).nanoseconds == .max)
        #expect(now.advanced(by: .seconds(-5)) == now)
        #expect(now.advanced(by: .milliseconds(1)).nanoseconds == now.nanoseconds + 1_000_000)
        #expect(now.duration(to: now.advanced(by: .seconds(2))) == .seconds(2))
    }
}
