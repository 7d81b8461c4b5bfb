import Linux
import Testing

@Suite(.serialized, .timeLimit(.minutes(1)), .enabled(if: mayTrace, "ptrace isn't permitted here: run as root"))
struct `Processes` {
    @Test func `tells a vfork child from a fork child by its memory`() throws {
        let victim = try Victim(
            """
            #define _GNU_SOURCE
            #include <stdio.h>
            #include <unistd.h>
            int main(void) {
                int forked = fork();
                if (forked == 0) for (;;) pause();
                int ends[2];
                pipe(ends);
                int child = vfork();
                if (child == 0) {
                    dprintf(1, "%x %x\\n", getpid(), forked);
                    for (;;) pause();
                }
            }
            """, ["-O0", "-w"])
        let vforked = ProcessID(Int32(victim.addresses[0].rawValue))
        let forked = ProcessID(Int32(victim.addresses[1].rawValue))
        #expect(try AddressSpaceOrder.compare(victim.id, vforked) == .same)
        let order = try AddressSpaceOrder.compare(victim.id, forked)
        #expect(order == .before || order == .after)
        let reverse = try AddressSpaceOrder.compare(forked, victim.id)
        #expect(reverse != order && reverse != .same)
    }

    @Test func `a process descriptor signals and sees the end`() throws {
        let victim = try Victim(`Tracing threads`.spinners)
        let process = try ProcessDescriptor(victim.id)
        #expect(try !process.hasEnded())
        #expect(try !process.waitForEnd(until: .now.advanced(by: .milliseconds(1))))
        let output = try process.duplicate(remote: 1)
        #expect(output.rawValue > 2)
        try process.send(.terminate)
        #expect(try process.waitForEnd(until: .now.advanced(by: .seconds(10))))
        #expect(try victim.wait() == .killed(.terminate, coreDumped: false))
        #expect(throws: SystemError.self) { try process.send(.none) }
    }

    @Test func `counts threads as they come, without opening the list again`() throws {
        let victim = try Victim(
            """
            #include <pthread.h>
            #include <stdio.h>
            #include <unistd.h>
            static void *sleeper(void *x) { for (;;) pause(); return x; }
            int main(void) {
                pthread_attr_t small;
                pthread_t t;
                pthread_attr_init(&small);
                pthread_attr_setstacksize(&small, 65536);
                puts("1");
                fflush(stdout);
                for (int i = 0; i < 2500; i++) pthread_create(&t, &small, sleeper, NULL);
                for (;;) pause();
            }
            """)
        var list = try ThreadList(of: victim.id)
        var threads: [ThreadID] = []
        #expect(
            try victim.eventually {
                try list.read(into: &threads)
                return threads.count == 2501
            })
        #expect(Set(threads).count == 2501)
        #expect(victim.eventually { threads.allSatisfy { list.state(of: $0) == "S" } })
        try victim.id.send(.kill)
        _ = try victim.wait()
        #expect(throws: SystemError.self) { try list.read(into: &threads) }
        #expect(list.state(of: ThreadID(victim.id.rawValue)) == nil)
    }

    @Test func `a hostile process name is read as it is`() throws {
        let victim = try Victim(
            """
            #include <stdio.h>
            #include <sys/prctl.h>
            #include <unistd.h>
            int main(void) { prctl(PR_SET_NAME, ") Z 1\\n(\\\\x"); puts("1"); fflush(stdout); for (;;) pause(); }
            """)
        var reader = ProcReader()
        let stat = try reader.stat(of: victim.id)
        #expect(stat.name == ") Z 1\n(\\x")
        #expect(stat.parent == .current && !stat.isZombie)
        #expect(try reader.name(of: victim.id) == ") Z 1\n(\\x")
        #expect(try reader.status(of: victim.id).threads == 1)
    }
}
