import Foundation
import Linux
import LivePatch
import TestSupport
import Testing

@testable import ProcessPatcher

extension ProcessTests {
    /// Giving back the memory of patches that were taken out.
    struct ReleaseTests {
        /// A program whose patched function leaves addresses of its new code where it is told to.
        private struct Keeper {
            let compiler: Compiler
            let victim: Victim
            let patch: PatchInput

            private static let common = """
                #include <signal.h>
                #include <stdio.h>
                #include <stdlib.h>
                #include <string.h>
                #include <sys/epoll.h>
                #include <unistd.h>
                extern const void **place;
                extern int poll_fd, ends[2];
                int act(int what);
                """

            private static let new = """
                static void handler(int number) { place[1] = 0; }
                static void at_end(int status, void *unused) { place[1] = 0; }
                static int object = 7;
                static __attribute__((noinline)) void watch(void) {
                    struct epoll_event event = { .events = EPOLLIN, .data.ptr = &object };
                    epoll_ctl(poll_fd, EPOLL_CTL_ADD, ends[0], &event);
                }
                __attribute__((noinline, noipa)) int act(int what) {
                    switch (what) {
                    case 1: place[0] = &object; break;
                    case 2: signal(SIGUSR1, handler); break;
                    case 3: on_exit(at_end, 0); break;
                    case 4: watch(); break;
                    case 5: place[0] = 0; break;
                    }
                    return 42;
                }
                """

            init() throws {
                compiler = try Compiler()
                let program = try compiler.compile(
                    Self.common + """
                        const void **place;
                        int poll_fd, ends[2];
                        __attribute__((noinline, noipa)) int act(int what) { volatile int x = 41; return x; }
                        int main(void) {
                            char line[80];
                            place = calloc(2, sizeof *place);
                            poll_fd = epoll_create1(0);
                            if (pipe(ends)) return 1;
                            puts("ready");
                            for (fflush(stdout); fgets(line, sizeof line, stdin); fflush(stdout))
                                printf("%d\\n", act(atoi(line)));
                            return 0;
                        }
                        """, ["-O2", "-Wl,--build-id", Lab.mark], name: "keeper")
                let object = try compiler.compile(
                    Self.common + Self.new,
                    ["-O2", "-c", "-fPIC", "-fno-jump-tables", "-ffunction-sections", Lab.mark], name: "act.o")
                patch = try MiniBuilder.patch("kept", binary: program, object: object, replacing: ["act"])
                victim = try Victim(program)
                #expect(victim.line() == "ready")
            }

            func release() throws -> ProcessOutcome? {
                try ProcessPatcher.undo(
                    PatchSelector("kept"), in: .processes([victim.pid]), wait: .seconds(10), releasing: true
                ).processes.first
            }

            func hasImage() throws -> Bool {
                try Footprint(of: victim).mappings.contains { $0.contains("memfd:tsugite") }
            }
        }

        @Test func `memory that nothing leads to is given back, again and again`() throws {
            let keeper = try Keeper()
            for _ in 0..<20 {
                try expectApplied(apply([keeper.patch], keeper.victim))
                #expect(keeper.victim.ask("0") == "42")
                let outcome = try keeper.release()
                #expect(outcome?.result == .applied && outcome?.kept == nil, "\(outcome as Any)")
                #expect((outcome?.releasedBytes ?? 0) > 0)
                #expect(try !keeper.hasImage())
                #expect(keeper.victim.ask("0") == "41")
            }
        }

        @Test func `what was undone before is given back later`() throws {
            let keeper = try Keeper()
            try expectApplied(apply([keeper.patch], keeper.victim))
            try expectApplied(undo("kept", keeper.victim))
            #expect(try keeper.hasImage())
            #expect(try (keeper.release()?.releasedBytes ?? 0) > 0)
            #expect(try !keeper.hasImage())
            #expect(try keeper.release()?.result == .nothingToDo)
        }

        @Test(arguments: [
            (1, "[heap]"), (2, "the handler of signal 10"), (3, "leads into it"), (4, "epoll"),
        ])
        func `memory that something leads to stays, and what does is named`(what: Int, holder: String) throws {
            let keeper = try Keeper()
            try expectApplied(apply([keeper.patch], keeper.victim))
            #expect(keeper.victim.ask("\(what)") == "42")
            // What the call left in registers and on the stack.
            for _ in 0..<8 { #expect(keeper.victim.ask("0") == "42") }
            let outcome = try keeper.release()
            #expect(outcome?.result == .applied && outcome?.releasedBytes == 0)
            #expect(outcome?.kept?.first?.contains(holder) == true, "\(outcome as Any)")
            #expect(try keeper.hasImage())
            #expect(keeper.victim.ask("0") == "41")
        }

        @Test func `memory is given back once what led there is gone`() throws {
            let keeper = try Keeper()
            try expectApplied(apply([keeper.patch], keeper.victim))
            #expect(keeper.victim.ask("1") == "42")
            #expect(try keeper.release()?.kept?.isEmpty == false)
            try expectApplied(apply([keeper.patch], keeper.victim))
            #expect(keeper.victim.ask("5") == "42")
            #expect(try keeper.release()?.kept == nil)
            #expect(try !keeper.hasImage())
        }
    }
}
