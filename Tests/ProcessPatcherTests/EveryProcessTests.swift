import Findings
import Foundation
import Linux
import LivePatch
import TestSupport
import Testing

@testable import ProcessPatcher

/// A program that writes what its function answers into a file, again and again: for places without a terminal.
private struct Beat {
    /// Keeps the folder.
    private let compiler: Compiler
    let folder: String
    let program: String
    let patch: PatchInput

    static func source(_ version: Int) -> String {
        """
        #include <fcntl.h>
        #include <stdio.h>
        #include <unistd.h>
        __attribute__((used)) static const char mark[] = RUN;
        __attribute__((noinline, noipa)) int answer(void) { volatile int x = \(version); return 40 + x; }
        int main(int c, char **v) {
            int f = c > 1 ? open(v[1], O_RDWR | O_CREAT, 0666) : 1;
            for (;;) {
                char text[8];
                int n = snprintf(text, sizeof text, "%d\\n", answer());
                if (c > 1 ? pwrite(f, text, n, 0) != n : write(f, text, n) != n) return 1;
                usleep(10000);
            }
        }
        """
    }

    init(_ flags: [String] = []) throws {
        let compiler = try Compiler()
        self.compiler = compiler
        folder = compiler.folder
        program = try compiler.compile(
            Self.source(1), ["-O2", "-Wl,--build-id", Lab.mark] + flags, name: "beat")
        let object = try compiler.compile(
            Self.source(2), ["-O2", "-c", "-ffunction-sections", Lab.mark], name: "beat.o")
        patch = try MiniBuilder.patch("beat", binary: program, object: object, replacing: ["answer"])
    }
}

/// Whether a program is there.
func isInstalled(_ program: String) -> Bool { (try? Executable.find(program)) != nil }

extension ProcessTests {
    /// Every kind of process that a machine may run.
    @Suite struct EveryProcessTests {
        /// Starts the lab under a wrapper that puts it somewhere special.
        private func start(_ wrapper: [String], _ program: String, environment: [String: String] = [:]) throws
            -> Victim
        {
            let path = try Executable.find(wrapper[0])
            let victim = try Victim(path, Array(wrapper.dropFirst()) + [program], environment: environment)
            try #require(victim.line() == "ready")
            return victim
        }

        /// Applies to everything that runs the target, checks, undoes, checks.
        private func change(
            _ victims: [Victim], _ patch: PatchInput, processes: Int,
            sourceLocation: SourceLocation = #_sourceLocation
        ) throws {
            let report = try ProcessPatcher.apply(
                [patch], to: .all, ProcessPatcher.ApplyOptions(wait: .seconds(10)))
            try expectApplied(report, sourceLocation: sourceLocation)
            #expect(report.processes.count == processes, "\(report)", sourceLocation: sourceLocation)
            for victim in victims { #expect(victim.ask("a") == "42", sourceLocation: sourceLocation) }
            try expectApplied(
                ProcessPatcher.undo(PatchSelector(patch.digest), in: .all), sourceLocation: sourceLocation)
            for victim in victims { #expect(victim.ask("a") == "41", sourceLocation: sourceLocation) }
        }

        @Test func `a process in user, PID, mount, network, IPC and UTS namespaces of its own`() throws {
            let lab = try Lab.of()
            let victim = try start(
                [
                    "unshare", "--user", "--map-root-user", "--pid", "--fork", "--kill-child", "--mount", "--net",
                    "--ipc",
                    "--uts", "--mount-proc",
                ], lab.program)
            try change([victim], lab.patch(), processes: 1)
        }

        @Test func `one library under many inodes: two overlays, and a copy`() throws {
            let lab = try Lab.of(LabKind(form: .library))
            let script = """
                set -e; d=$(mktemp -d); mount -t tmpfs tmpfs $d; mkdir $d/u $d/w $d/m
                mount -t overlay overlay -o lowerdir=\(lab.compiler.folder),upperdir=$d/u,workdir=$d/w $d/m
                touch $d/m/liblab.so
                export LD_LIBRARY_PATH=$d/m; exec $d/m/lab
                """
            let overlays = try (0..<2).map { _ in
                try Victim("/usr/bin/unshare", ["--mount", "sh", "-c", script])
            }
            for victim in overlays { try #require(victim.line() == "ready") }
            let copy = lab.compiler.path("copied")
            try? FileManager.default.createDirectory(atPath: copy, withIntermediateDirectories: true)
            try? FileManager.default.copyItem(atPath: lab.target, toPath: copy + "/liblab.so")
            let copied = try Victim(lab.program, environment: ["LD_LIBRARY_PATH": copy])
            try #require(copied.line() == "ready")
            let plain = try lab.start()
            try change(overlays + [copied, plain], lab.patch(), processes: 4)
        }

        @Test func `a chroot`() throws {
            let lab = try Lab.of(LabKind(form: .staticPIE))
            let root = lab.compiler.path("root")
            try? FileManager.default.createDirectory(atPath: root, withIntermediateDirectories: true)
            try? FileManager.default.copyItem(atPath: lab.program, toPath: root + "/lab")
            let victim = try Victim("/usr/sbin/chroot", [root, "/lab"])
            try #require(victim.line() == "ready")
            try change([victim], lab.patch(), processes: 1)
        }

        @Test func `a set-user-id program, run by somebody else, and a process without new privileges`() throws {
            let lab = try Lab.of()
            let open = "/tmp/tsugite-setuid-\(getpid())"
            try? FileManager.default.removeItem(atPath: open)
            try FileManager.default.copyItem(atPath: lab.program, toPath: open)
            defer { try? FileManager.default.removeItem(atPath: open) }
            _ = unsafe chmod(open, 0o4755)
            let other = try start(["setpriv", "--reuid", "65534", "--regid", "65534", "--clear-groups"], open)
            let status = try String(contentsOfFile: "/proc/\(other.pid)/status", encoding: .utf8)
            #expect(status.contains("Uid:\t65534\t0\t0\t0"))
            let plain = try start(["setpriv", "--no-new-privs", "--reuid", "65534", "--clear-groups"], open)
            try change([other, plain], lab.patch(), processes: 2)
        }

        @Test func `two thousand threads`() throws {
            let lab = try Lab.of()
            let victim = try lab.start()
            #expect(victim.ask("sleepers 2000") == "ok")
            try expectApplied(apply([lab.patch()], victim, wait: .seconds(60)))
            #expect(victim.ask("a") == "42")
            try expectApplied(undo("lab-fix", victim, wait: .seconds(60)))
            #expect(victim.ask("a") == "41")
        }

        @Test(arguments: ["remap", "heap", "jit", "seal"])
        func `text on huge pages or remapped, a heap of many gigabytes, a JIT, sealed mappings`(_ what: String)
            throws
        {
            let lab = try Lab.of()
            let victim = try lab.start()
            let answer = victim.ask(what)
            if what == "seal", answer == "unsupported" { return }
            #expect(answer == "ok")
            try change([victim], lab.patch(), processes: 1)
        }

        @Test(.enabled(if: isInstalled("strace"), "strace isn't installed"))
        func `a process under strace is refused, naming it`() throws {
            let lab = try Lab.of()
            let victim = try lab.start()
            let strace = try Executable.find("strace")
            let tracer = try Victim(strace, ["-f", "-o", "/dev/null", "-p", "\(victim.pid)"])
            defer { tracer.kill() }
            var reader = ProcReader()
            for _ in 0..<200 where try reader.status(of: victim.pid).tracer.rawValue == 0 { usleep(10_000) }
            let report = try apply([lab.patch()], victim, wait: .milliseconds(300))
            #expect(report.result == .blocked)
            let finding = try #require(report.processes.first?.finding)
            #expect(finding.code == .processTraced)
            #expect(finding.evidence.contains { $0.value == "strace" }, "\(finding)")
            #expect(victim.ask("a") == "41")
        }

        @Test func `process 1 of a PID namespace is refused there unless it is asked for`() throws {
            let lab = try Lab.of()
            let file = lab.compiler.path("init.tsp")
            try FileSystem.replace(file, with: lab.patch().patch.encoded())
            let victim = try start(
                ["unshare", "--pid", "--fork", "--kill-child", "--mount", "--mount-proc"], lab.program)
            let report = try ProcessPatcher.apply([lab.patch()], to: .all, .init(dryRun: true))
            let pid = try #require(report.processes.first?.pid)
            func inside(_ words: [String]) throws -> CommandResult {
                try Command(
                    "nsenter", ["-t", "\(pid)", "-p", "-m", TsugiteCommand.path] + words, timeout: .seconds(60)
                ).run()
            }
            let refused = try inside(["apply", file])
            #expect(refused.status == .exited(code: 13), "\(refused.outputText)\(refused.errorText)")
            #expect(refused.outputText.contains("USR-INIT"))
            #expect(victim.ask("a") == "41")
            let done = try inside(["apply", file, "--init"])
            #expect(done.status == .exited(code: 0), "\(done.outputText)\(done.errorText)")
            #expect(victim.ask("a") == "42")
            let named = try inside(["undo", "lab-fix", "--pid", "1"])
            #expect(named.status == .exited(code: 0), "\(named.outputText)\(named.errorText)")
            #expect(victim.ask("a") == "41")
        }
    }

    /// Containers with a filter of system calls around them.
    @Suite struct ContainerTests {
        private func read(_ path: String) -> String {
            ((try? String(contentsOfFile: path, encoding: .utf8)) ?? "").trimmingCharacters(
                in: .whitespacesAndNewlines)
        }

        private func settles(_ path: String, _ value: String) -> Bool {
            for _ in 0..<500 {
                if read(path) == value { return true }
                usleep(10_000)
            }
            return false
        }

        private func change(_ beat: Beat, _ path: String) throws {
            try #require(settles(path, "41"), "\(read(path))")
            let report = try ProcessPatcher.apply([beat.patch], to: .all)
            try expectApplied(report)
            #expect(report.processes.count == 1)
            #expect(settles(path, "42"))
            // It still runs, under its filter.
            let pid = try #require(report.processes.first?.pid)
            var reader = ProcReader()
            #expect(try reader.status(of: ProcessID(pid)).seccompMode == 2)
            try expectApplied(ProcessPatcher.undo(PatchSelector(beat.patch.digest), in: .all))
            #expect(settles(path, "41"))
            try FileManager.default.removeItem(atPath: path)
        }

        @Test(.enabled(if: isInstalled("runc"), "runc isn't installed"))
        func `an OCI container under runc with the default profile`() throws {
            let beat = try Beat(["-static"])
            let bundle = beat.folder + "/bundle"
            try FileManager.default.createDirectory(
                atPath: bundle + "/rootfs/out", withIntermediateDirectories: true)
            try FileManager.default.copyItem(atPath: beat.program, toPath: bundle + "/rootfs/beat")
            let made = try Command("runc", ["spec"], directory: bundle, timeout: .seconds(20)).run()
            try #require(made.succeeded, "\(made.errorText)")
            let path = bundle + "/config.json"
            var spec = try #require(
                JSONSerialization.jsonObject(with: Data(contentsOf: URL(fileURLWithPath: path))) as? [String: Any])
            var process = try #require(spec["process"] as? [String: Any])
            process["args"] = ["/beat", "/out/beat"]
            process["terminal"] = false
            spec["process"] = process
            spec["root"] = ["path": "rootfs", "readonly": false]
            var linux = try #require(spec["linux"] as? [String: Any])
            linux["seccomp"] = SystemCallProfile.standard
            spec["linux"] = linux
            try JSONSerialization.data(withJSONObject: spec).write(to: URL(fileURLWithPath: path))
            let name = "tsugite-test-\(getpid())"
            let container = try Victim("/usr/sbin/runc", ["run", "--bundle", bundle, name])
            defer {
                _ = try? Command("runc", ["kill", name, "KILL"], timeout: .seconds(20)).run()
                container.kill()
                _ = try? Command("runc", ["delete", "--force", name], timeout: .seconds(20)).run()
            }
            try change(beat, bundle + "/rootfs/out/beat")
        }

        @Test(
            .enabled(if: FileManager.default.fileExists(atPath: "/lib/systemd/systemd"), "systemd isn't installed"))
        func `a systemd unit with SystemCallFilter and MemoryDenyWriteExecute, under a real systemd`() throws {
            let beat = try Beat()
            let container = try SystemdContainer(beat.folder + "/systemd")
            defer { container.end() }
            try FileManager.default.copyItem(atPath: beat.program, toPath: container.shared + "/beat")
            try container.unit(
                "beat.service",
                """
                [Service]
                ExecStart=/tmp/shared/beat /tmp/shared/out
                SystemCallFilter=@system-service
                SystemCallFilter=~memfd_create ptrace process_vm_writev
                SystemCallArchitectures=native
                MemoryDenyWriteExecute=yes
                NoNewPrivileges=yes
                """)
            try change(beat, container.shared + "/out")
        }
    }
}

/// The rules of container engines: everything is allowed but what could reach beyond the container; calls that make
/// memory executable in odd ways end the process here, to be stricter.
enum SystemCallProfile {
    static var standard: [String: Any] {
        let forbidden = [
            "acct", "add_key", "bpf", "clock_adjtime", "clock_settime", "create_module", "delete_module",
            "finit_module", "get_kernel_syms", "get_mempolicy", "init_module", "ioperm", "iopl", "kcmp",
            "kexec_file_load", "kexec_load", "keyctl", "lookup_dcookie", "mbind", "mount", "move_pages",
            "name_to_handle_at", "nfsservctl", "open_by_handle_at", "perf_event_open", "personality", "pivot_root",
            "process_vm_readv", "process_vm_writev", "ptrace", "query_module", "quotactl", "reboot", "request_key",
            "set_mempolicy", "setns", "settimeofday", "swapon", "swapoff", "sysfs", "umount2", "unshare", "uselib",
            "userfaultfd", "ustat", "vm86", "vm86old",
        ]
        return [
            "defaultAction": "SCMP_ACT_ALLOW", "architectures": ["SCMP_ARCH_X86_64", "SCMP_ARCH_X86"],
            "syscalls": [
                ["names": forbidden, "action": "SCMP_ACT_ERRNO"],
                ["names": ["memfd_create", "pkey_mprotect", "memfd_secret"], "action": "SCMP_ACT_KILL_PROCESS"],
            ],
        ]
    }
}

/// systemd as process 1 of namespaces of its own, over an overlay of the machine's own files.
final class SystemdContainer {
    let shared: String
    private let outer: Process
    private var pid: Int32 = 0

    private static let script = """
        set -e
        d=$1
        mkdir -p $d/top $d/root
        mount -t tmpfs tmpfs $d/top
        mkdir $d/top/u $d/top/w
        mount -t overlay overlay -o lowerdir=/,upperdir=$d/top/u,workdir=$d/top/w $d/root
        cd $d/root
        mount -t proc proc proc
        mount -t tmpfs tmpfs run
        mount -t tmpfs tmpfs tmp
        mkdir tmp/shared
        mount --bind $d/shared tmp/shared
        mount -t tmpfs tmpfs dev
        mkdir dev/pts dev/shm
        mknod -m 666 dev/null c 1 3
        mknod -m 666 dev/zero c 1 5
        mknod -m 666 dev/random c 1 8
        mknod -m 666 dev/urandom c 1 9
        mknod -m 600 dev/console c 5 1
        mount -t sysfs -o ro sysfs sys
        mount -t tmpfs tmpfs sys/fs/cgroup
        mount -t cgroup2 cgroup2 sys/fs/cgroup
        exec env container=tsugite chroot . /lib/systemd/systemd --unit=basic.target --show-status=no
        """

    init(_ folder: String) throws {
        shared = folder + "/shared"
        try FileManager.default.createDirectory(atPath: shared, withIntermediateDirectories: true)
        outer = Process()
        outer.executableURL = URL(fileURLWithPath: "/usr/bin/unshare")
        outer.arguments = [
            "--mount", "--pid", "--fork", "--uts", "--ipc", "--kill-child", "--cgroup", "sh", "-c", Self.script,
            "sh",
            folder,
        ]
        outer.standardOutput = FileHandle.nullDevice
        outer.standardError = FileHandle.nullDevice
        try outer.run()
        for _ in 0..<600 {
            usleep(50_000)
            let children = "/proc/\(outer.processIdentifier)/task/\(outer.processIdentifier)/children"
            guard let text = try? String(contentsOfFile: children, encoding: .utf8),
                let child = text.split(separator: " ").first.flatMap({ Int32($0) })
            else { continue }
            pid = child
            if try run(["systemctl", "is-active", "basic.target"]).succeeded { return }
        }
        throw MissingPart(what: "systemd in a container")
    }

    /// Runs a program inside.
    @discardableResult
    func run(_ words: [String]) throws -> CommandResult {
        try Command("nsenter", ["-t", "\(pid)", "-m", "-p", "-u", "-i", "-r", "-w"] + words, timeout: .seconds(30))
            .run()
    }

    /// Writes a unit and starts it.
    func unit(_ name: String, _ text: String) throws {
        let path = "/proc/\(pid)/root/run/systemd/system"
        try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
        try text.write(toFile: path + "/" + name, atomically: false, encoding: .utf8)
        try run(["systemctl", "daemon-reload"])
        let started = try run(["systemctl", "start", name])
        if !started.succeeded { throw MissingPart(what: "unit \(name): \(started.errorText)") }
    }

    func end() {
        kill(pid, SIGKILL)
        kill(outer.processIdentifier, SIGKILL)
        outer.waitUntilExit()
    }
}
