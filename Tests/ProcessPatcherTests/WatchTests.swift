import Findings
import Foundation
import Linux
import LivePatch
import Synchronization
import TestSupport
import Testing

@testable import ProcessPatcher

/// A watcher at work during a test.
private final class Watching {
    let watcher: Watcher
    let events = Events()
    private let task: Background<Bool>

    final class Events: Sendable {
        private let all = Mutex<[WatchEvent]>([])
        func add(_ event: WatchEvent) { all.withLock { $0.append(event) } }
        var list: [WatchEvent] { all.withLock { $0 } }

        /// Who wasn't changed in time.
        var unusual: [WatchEvent] {
            list.filter { event in
                switch event {
                case .ready: false
                case .process(let outcome, let moment): outcome.result != .applied || moment == .late
                case .notHeld: true
                }
            }
        }

        func outcomes(_ moment: WatchMoment) -> [ProcessOutcome] {
            list.compactMap { event in
                guard case .process(let outcome, let at) = event, at == moment else { return nil }
                return outcome
            }
        }
    }

    init(
        _ patches: [PatchInput], files: [String], sweep: Duration = .milliseconds(200),
        records: DeferredRecords? = nil
    ) throws {
        let events = events
        let watcher = try Watcher(
            patches,
            Watcher.Options(
                patience: .seconds(10), sweep: sweep, files: files, records: records,
                observer: { events.add($0) }))
        self.watcher = watcher
        task = Background { _ in
            try watcher.run()
            return true
        }
        let isReady = { events.list.contains { if case .ready = $0 { true } else { false } } }
        for _ in 0..<6000 where !isReady() { usleep(10_000) }
        try #require(isReady())
    }

    func end() {
        watcher.stop()
        _ = task.finish()
    }
}

extension ProcessTests {
    /// Processes that start while patches are watched.
    @Suite(.enabled(if: (try? FileWatch()) != nil, "the kernel or the rights for fanotify are missing"))
    struct WatchTests {
        /// A library with a constructor, a program that links it and one that loads it later, a program of its own.
        private struct Programs {
            /// Keeps the folder.
            private let compiler: Compiler
            let folder: String
            let library: String
            let linked: String
            let loading: String
            let patch: PatchInput

            private static func library(_ version: Int) -> String {
                """
                #include <stdio.h>
                __attribute__((used)) static const char mark[] = RUN;
                int at_start;
                __attribute__((noinline, noipa)) int answer(void) { volatile int x = \(version); return 40 + x; }
                __attribute__((constructor)) static void begin(void) { at_start = answer(); }
                """
            }

            init() throws {
                let compiler = try Compiler()
                self.compiler = compiler
                folder = compiler.folder
                library = try compiler.compile(
                    Self.library(1), ["-O2", "-shared", "-fPIC", "-Wl,--build-id", Lab.mark], name: "libw.so")
                let object = try compiler.compile(
                    Self.library(2), ["-O2", "-c", "-fPIC", "-ffunction-sections", Lab.mark], name: "libw.o")
                patch = try MiniBuilder.patch("watched", binary: library, object: object, replacing: ["answer"])
                linked = try compiler.compile(
                    """
                    #include <stdio.h>
                    extern int at_start, answer(void);
                    int main(int c, char **v) { printf("%d %d\\n", at_start, answer()); return answer() != 42; }
                    """, ["-O2", "-L" + compiler.folder, "-Wl,-rpath," + compiler.folder, "-lw"], name: "linked")
                loading = try compiler.compile(
                    """
                    #include <dlfcn.h>
                    #include <pthread.h>
                    #include <stdio.h>
                    #include <unistd.h>
                    static void *other(void *a) { for (;;) usleep(100); return a; }
                    int main(int c, char **v) {
                        pthread_t t;
                        for (int i = 0; i < 3; i++) pthread_create(&t, 0, other, 0);
                        void *l = dlopen(v[1], RTLD_NOW);
                        if (!l) { puts(dlerror()); return 2; }
                        int (*answer)(void) = (int (*)(void))dlsym(l, "answer");
                        printf("%d %d\\n", *(int *)dlsym(l, "at_start"), answer());
                        return answer() != 42;
                    }
                    """, ["-O2", "-lpthread"], name: "loading")
            }
        }

        @Test func `a program that links the library runs the new code from its constructors on`() throws {
            let set = try Programs()
            #expect(try Command(set.linked, []).run().outputText.hasPrefix("41 41"))
            let watching = try Watching([set.patch], files: [set.library])
            defer { watching.end() }
            for _ in 0..<50 {
                let result = try Command(set.linked, [], timeout: .seconds(30)).run()
                #expect(result.outputText.hasPrefix("42 42"), "\(result) \(watching.events.list)")
            }
            #expect(watching.events.outcomes(.beforeStart).count { $0.result == .applied } >= 50)
            #expect(watching.events.outcomes(.late).isEmpty)
        }

        @Test func `dlopen is held until the library is changed, before its constructors`() throws {
            let set = try Programs()
            let watching = try Watching([set.patch], files: [set.library])
            defer { watching.end() }
            for _ in 0..<20 {
                let result = try Command(set.loading, [set.library], timeout: .seconds(30)).run()
                #expect(result.outputText.hasPrefix("42 42"), "\(result) \(watching.events.list)")
            }
            #expect(watching.events.outcomes(.atLoad).count { $0.result == .applied } >= 20)
        }

        @Test(arguments: [LabKind(), LabKind(form: .fixed), LabKind(form: .staticFixed), LabKind(form: .staticPIE)])
        func `a program that is a target itself runs nothing of the old code`(_ kind: LabKind) throws {
            let lab = try Lab.of(kind)
            let watching = try Watching([lab.patch()], files: [lab.program])
            defer { watching.end() }
            for _ in 0..<10 {
                let victim = try lab.start()
                #expect(victim.ask("a") == "42", "\(watching.events.list)")
            }
            #expect(watching.events.outcomes(.beforeStart).count { $0.result == .applied } >= 10)
        }

        @Test func `whoever only reads the file isn't held, and whoever runs it already is changed`() throws {
            let lab = try Lab.of()
            let old = try lab.start()
            let watching = try Watching([lab.patch()], files: [lab.program])
            defer { watching.end() }
            #expect(try FileSystem.read(lab.program).count > 1000)
            #expect(try Command("/usr/bin/sha256sum", [lab.program], timeout: .seconds(20)).run().succeeded)
            for _ in 0..<200 where old.ask("a") != "42" { usleep(50_000) }
            #expect(old.ask("a") == "42")
            #expect(watching.events.outcomes(.late).contains { $0.pid == old.pid.rawValue })
        }

        @Test func `who was deferred, and is changed by the watcher, isn't said to wait any more`() throws {
            let lab = try Lab.of()
            let victim = try lab.start()
            let records = DeferredRecords(lab.compiler.path("records-of-watch"))
            let patch = try lab.patch(replacing: ["stay", "answer"])
            #expect(victim.ask("stay") == "ok")
            let report = try apply([patch], victim, wait: .milliseconds(100))
            try records.note(report, [(patch, ByteStorage(try patch.patch.encoded()))])
            #expect(records.all().map(\.pid) == [victim.pid.rawValue])
            let watching = try Watching([patch], files: [lab.program], records: records)
            defer { watching.end() }
            #expect(victim.ask("leave") == "ok")
            for _ in 0..<200 where !records.all().isEmpty { usleep(50_000) }
            #expect(records.all().isEmpty)
            #expect(victim.ask("a") == "42")
        }

        @Test func `a storm of starts has no unpatched window`() throws {
            let set = try Programs()
            let watching = try Watching([set.patch], files: [set.library], sweep: .seconds(30))
            defer { watching.end() }
            let script = "i=0; while [ $i -lt 250 ]; do \(set.linked) >/dev/null || exit $?; i=$((i+1)); done"
            let storms = (0..<4).map { _ in
                Background { _ in try Command("/bin/sh", ["-c", script], timeout: .seconds(200)).run().status }
            }
            for storm in storms { #expect(storm.finish() == .exited(code: 0), "\(watching.events.unusual)") }
            #expect(watching.events.outcomes(.late).isEmpty)
            #expect(watching.events.outcomes(.beforeStart).count { $0.result == .applied } >= 1000)
        }

        @Test func `if the watcher is killed nobody hangs`() throws {
            let set = try Programs()
            let file = set.folder + "/watched.tsp"
            try FileSystem.replace(file, with: set.patch.patch.encoded())
            let script = "for i in 1 2 3 4 5 6 7 8 9 10; do \(set.linked) >/dev/null; test $? -lt 2 || exit 3; done"
            for _ in 0..<10 {
                let watch = Process()
                watch.executableURL = URL(fileURLWithPath: TsugiteCommand.path)
                watch.arguments = ["watch", file, "--file", set.library]
                watch.standardOutput = FileHandle.nullDevice
                try watch.run()
                usleep(150_000)
                let storm = Background { _ in
                    try Command("/bin/sh", ["-c", script], timeout: .seconds(60)).run().succeeded
                }
                usleep(.random(in: 0...30_000))
                kill(watch.processIdentifier, SIGKILL)
                watch.waitUntilExit()
                #expect(storm.finish() == true)
            }
        }
    }
}
