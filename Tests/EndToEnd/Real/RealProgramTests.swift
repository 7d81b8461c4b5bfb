import Foundation
import Linux
import TestSupport
import Testing

/// Whether the distribution's programs are to be patched; `make test-real` says so and installs them.
private let isReal = ProcessInfo.processInfo.environment["TSUGITE_REAL"] != nil

/// The distribution's own programs, patched while they are at work: the effect is seen, nothing is lost, undone.
///
/// The patches replace exported functions, so that they can be made from the shipped binary without its source.
@Suite(.serialized, .enabled(if: geteuid() == 0, "needs root"))
struct RealProgramTests {
    private static let libraries = "/lib/x86_64-linux-gnu/"

    @Test(.enabled(if: FileManager.default.fileExists(atPath: "/usr/sbin/nginx"), "nginx isn't installed"))
    func `nginx with all its workers at once`() throws {
        let pod = try Pod()
        _ = try pod.write("index.html", "hello\n")
        let conf = try pod.write(
            "nginx.conf",
            """
            daemon off; worker_processes 4; pid \(pod.path("pid")); error_log \(pod.path("log"));
            events { worker_connections 512; }
            http { access_log off; server { listen 127.0.0.1:8080; root \(pod.folder.path); } }
            """)
        let server = try pod.start(["nginx", "-c", conf])
        let url = "http://127.0.0.1:8080/index.html"
        try pod.waits(for: ["curl", "-sf", "-o", "/dev/null", url])
        let file = try pod.patch(
            "nginx-time", of: "/usr/sbin/nginx", ["ngx_http_time"],
            source: """
                unsigned char *ngx_http_time(unsigned char *to, long time) {
                    static const char text[] = "Thu, 01 Jan 1970 00:00:00 GMT";
                    for (int i = 0; i < 29; i++) to[i] = (unsigned char)text[i];
                    return to + 29;
                }
                """)
        let load = try pod.start(["wrk", "-t", "2", "-c", "16", "-d", "6s", url])
        for _ in 0..<5 {
            try pod.change(file, ["--all-or-nothing"], least: 5) { isPatched in
                for _ in 0..<8 {
                    let head = try pod.must(["curl", "-sfI", url])
                    #expect(head.contains("Last-Modified: Thu, 01 Jan 1970") == isPatched, "\(head)")
                }
            }
        }
        let seen = load.finish()
        #expect(seen.contains("requests in"), "\(seen)")
        #expect(!seen.contains("Socket errors") && !seen.contains("Non-2xx"), "\(seen)")
        server.process.terminate()
    }

    @Test(.enabled(if: isReal, "make test-real"))
    func `PostgreSQL with many backends in open transactions`() throws {
        let pod = try Pod()
        let programs = "/usr/lib/postgresql/15/bin/"
        let data = pod.path("data")
        let socket = pod.path("run")
        for folder in [data, socket] {
            try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: false)
            try pod.must(["chown", "postgres", folder])
        }
        let user = ["runuser", "-u", "postgres", "--"]
        try pod.must(user + [programs + "initdb", "-D", data, "-A", "trust", "--no-sync"])
        let server = try pod.start(user + [programs + "postgres", "-D", data, "-k", socket, "-h", "", "-F"])
        let psql = user + ["psql", "-h", socket, "-Atq", "-d", "postgres"]
        try pod.waits(for: psql + ["-c", "SELECT 1"])
        try pod.must(user + [programs + "pgbench", "-h", socket, "-i", "-s", "2", "-q", "postgres"])
        let file = try pod.patch(
            "postgres-version", of: programs + "postgres", ["pgsql_version"],
            source: """
                extern void *cstring_to_text(const char *);
                unsigned long pgsql_version(void *call) { return (unsigned long)cstring_to_text("patched"); }
                """)
        let sessions = try (0..<16).map { _ in try pod.start(psql) }
        for (number, session) in sessions.enumerated() {
            session.send("BEGIN; CREATE TEMP TABLE own(n int); INSERT INTO own VALUES (\(number));")
            #expect(session.ask("SELECT n FROM own;") == "\(number)")
        }
        let load = try pod.start(
            user + [programs + "pgbench", "-h", socket, "-c", "6", "-j", "2", "-T", "8", "postgres"])
        for _ in 0..<3 {
            try pod.change(file, least: 18) { isPatched in
                for session in sessions {
                    let version = session.ask("SELECT version();") ?? ""
                    #expect(isPatched ? version == "patched" : version.hasPrefix("PostgreSQL 15"), "\(version)")
                }
            }
        }
        for (number, session) in sessions.enumerated() {
            #expect(session.ask("SELECT n FROM own;") == "\(number)")
            session.send("COMMIT;")
            #expect(session.ask("SELECT 5;") == "5")
        }
        let seen = load.finish()
        #expect(seen.contains("number of failed transactions: 0 "), "\(seen)")
        server.process.terminate()
    }

    @Test(.enabled(if: isReal, "make test-real"))
    func `memcached and its threads`() throws {
        let pod = try Pod()
        let server = try pod.start(["memcached", "-u", "nobody", "-l", "127.0.0.1", "-p", "11311", "-t", "8"])
        let file = try pod.patch(
            "event-version", of: Self.libraries + "libevent-2.1.so.7", ["event_get_version"],
            source: "const char *event_get_version(void) { return \"patched\"; }")
        let client = try pod.write(
            "client.py",
            """
            import socket, sys, threading, time
            end, wrong, done = time.time() + 6, [], [0] * 8
            def reach():
                for _ in range(100):
                    try: return socket.create_connection(('127.0.0.1', 11311)).makefile('rwb')
                    except OSError: time.sleep(0.05)
            def work(n):
                f = reach()
                while time.time() < end:
                    value = b'%d-%d' % (n, done[n])
                    f.write(b'set k%d 0 0 %d\\r\\n%s\\r\\nget k%d\\r\\n' % (n, len(value), value, n)); f.flush()
                    got = [f.readline() for _ in range(4)]
                    if got[0] != b'STORED\\r\\n' or got[2] != value + b'\\r\\n': wrong.append(got)
                    done[n] += 1
            threads = [threading.Thread(target=work, args=(n,)) for n in range(8)]
            [t.start() for t in threads]; [t.join() for t in threads]
            print(len(wrong), sum(done) > 1000)
            """)
        let stats = "exec 3<>/dev/tcp/127.0.0.1/11311; printf 'stats\\r\\nquit\\r\\n' >&3; cat <&3"
        try pod.waits(for: ["bash", "-c", stats])
        let load = try pod.start(["/usr/bin/python3", client])
        for _ in 0..<5 {
            try pod.change(file) { isPatched in
                let text = try pod.must(["bash", "-c", stats])
                #expect(text.contains("STAT libevent patched") == isPatched, "\(text)")
            }
        }
        #expect(load.finish() == "0 True\n")
        server.process.terminate()
    }

    @Test(.enabled(if: isReal, "make test-real"))
    func `HAProxy and its threads`() throws {
        let pod = try Pod()
        let conf = try pod.write(
            "haproxy.cfg",
            """
            global
              nbthread 4
              maxconn 500
            defaults
              mode http
              timeout client 10s
              timeout connect 10s
              timeout server 10s
            frontend f
              bind 127.0.0.1:8090
              http-request return status 200 content-type text/plain string hello

            """)
        let server = try pod.start(["haproxy", "-db", "-f", conf])
        let url = "http://127.0.0.1:8090/"
        try pod.waits(for: ["curl", "-sf", "-o", "/dev/null", url])
        let file = try pod.patch(
            "haproxy-reason", of: "/usr/sbin/haproxy", ["http_get_reason"],
            source: "const char *http_get_reason(unsigned status) { return \"Patched\"; }")
        let load = try pod.start(["wrk", "-t", "2", "-c", "16", "-d", "6s", url])
        for _ in 0..<5 {
            try pod.change(file) { isPatched in
                let head = try pod.must(["curl", "-si", url])
                #expect(head.hasPrefix(isPatched ? "HTTP/1.1 200 Patched" : "HTTP/1.1 200 OK"), "\(head)")
            }
        }
        let seen = load.finish()
        #expect(
            seen.contains("requests in") && !seen.contains("Socket errors") && !seen.contains("Non-2xx"), "\(seen)")
        server.process.terminate()
    }

    @Test(.enabled(if: isReal, "make test-real"))
    func `OpenSSH sessions stay alive`() throws {
        let pod = try Pod()
        try pod.must(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", pod.path("host")])
        try pod.must(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", pod.path("key")])
        try FileManager.default.copyItem(atPath: pod.path("key.pub"), toPath: pod.path("keys"))
        try pod.must(["mkdir", "-p", "/run/sshd"])
        let server = try pod.start([
            "/usr/sbin/sshd", "-D", "-f", "/dev/null", "-h", pod.path("host"), "-p", "2222",
            "-o", "AuthorizedKeysFile=\(pod.path("keys"))", "-o", "StrictModes=no", "-o", "PermitRootLogin=yes",
            "-o", "UsePAM=no", "-o", "PidFile=none",
        ])
        let ssh = [
            "ssh", "-p", "2222", "-i", pod.path("key"), "-o", "StrictHostKeyChecking=no",
            "-o", "UserKnownHostsFile=/dev/null", "-F", "/dev/null", "root@127.0.0.1",
        ]
        try pod.waits(for: ssh + ["true"])
        let sessions = try (0..<3).map { _ in try pod.start(ssh + ["cat"]) }
        for session in sessions { #expect(session.ask("before") == "before") }
        let file = try pod.patch(
            "crypto-version", of: Self.libraries + "libcrypto.so.3", ["OpenSSL_version"],
            source: "const char *OpenSSL_version(int type) { return \"patched\"; }")
        // The listener, and for each session the client and the server's side.
        try pod.change(file, ["--all-or-nothing"], least: 7) { _ in
            for session in sessions { #expect(session.ask("still here") == "still here") }
            let answer = try pod.must(ssh + ["echo", "new"])
            #expect(answer == "new\n")
        }
        server.process.terminate()
    }

    @Test(.enabled(if: isReal, "make test-real"))
    func `Python with a C extension`() throws {
        let pod = try Pod()
        let compiler = try Compiler()
        func source(_ version: Int) -> String {
            """
            #include <Python.h>
            __attribute__((noinline, noipa)) long measure(long x) { return x + \(version); }
            static PyObject *get(PyObject *self, PyObject *arg) { return PyLong_FromLong(measure(PyLong_AsLong(arg))); }
            static PyMethodDef methods[] = { { "get", get, METH_O, 0 }, { 0 } };
            static PyModuleDef module = { PyModuleDef_HEAD_INIT, "extension", 0, -1, methods };
            PyMODINIT_FUNC PyInit_extension(void) { return PyModule_Create(&module); }
            """
        }
        let flags = ["-O2", "-shared", "-fPIC", "-Wl,--build-id", "-I/usr/include/python3.11"]
        let binary = try compiler.compile(source(1), flags, name: "extension.so")
        try FileManager.default.copyItem(atPath: binary, toPath: pod.path("extension.so"))
        let file = try pod.patch(
            "extension-fix", of: binary, ["measure"], source: source(2), flags: ["-I/usr/include/python3.11"])
        let talker = try pod.start([
            "/usr/bin/python3", "-uc",
            "import sys; sys.path.insert(0, '\(pod.folder.path)'); import extension, threading\n"
                + "def spin():\n  while True: extension.get(1)\n"
                + "[threading.Thread(target=spin, daemon=True).start() for _ in range(3)]\n"
                + "for line in sys.stdin: print(extension.get(40))",
        ])
        #expect(talker.ask("") == "41")
        for _ in 0..<5 {
            try pod.change(file) { isPatched in #expect(talker.ask("") == (isPatched ? "42" : "41")) }
        }
    }

    @Test(.enabled(if: isReal, "make test-real"))
    func `a Java VM's libz`() throws {
        let pod = try Pod()
        let source = try pod.write(
            "Sum.java",
            """
            import java.util.zip.Adler32;
            public class Sum {
                static long sum(int n) { Adler32 a = new Adler32(); a.update(new byte[n]); return a.getValue(); }
                public static void main(String[] words) throws Exception {
                    for (int i = 0; i < 3; i++) {
                        Thread t = new Thread(() -> { while (true) sum(1000); });
                        t.setDaemon(true); t.start();
                    }
                    while (System.in.read() >= 0) System.out.println(sum(100));
                }
            }
            """)
        try pod.must(["javac", "-d", pod.folder.path, source])
        let file = try pod.patch(
            "adler", of: Self.libraries + "libz.so.1", ["adler32"],
            source: "unsigned long adler32(unsigned long a, const void *b, unsigned c) { return 7; }")
        // The loops that aren't compiled yet call the library itself.
        let java = try pod.start([
            "java", "-XX:+UnlockDiagnosticVMOptions", "-XX:-UseAdler32Intrinsics", "-cp", pod.folder.path, "Sum",
        ])
        let before = try #require(java.ask(""))
        #expect(before != "7")
        for _ in 0..<3 {
            try pod.change(file) { isPatched in
                #expect(java.ask("") == (isPatched ? "7" : before))
            }
        }
    }

    /// Some processes of different kinds, all in one container.
    private func crowd(_ pod: Pod) throws -> [Talker] {
        let conf = try pod.write(
            "nginx.conf",
            """
            daemon off; worker_processes 2; pid \(pod.path("pid")); error_log \(pod.path("log"));
            events { worker_connections 64; }
            http { access_log off; server { listen 127.0.0.1:8080; root \(pod.folder.path); } }
            """)
        let ask = """
            import ctypes, socket, sys
            c = ctypes.CDLL('libcrypto.so.3'); c.OpenSSL_version.restype = ctypes.c_char_p
            g = ctypes.CDLL('libc.so.6'); g.gai_strerror.restype = ctypes.c_char_p
            for line in sys.stdin: print(c.OpenSSL_version(0).decode().split()[0], g.gai_strerror(-2).decode())
            """
        var talkers = [
            try pod.start(["nginx", "-c", conf]),
            try pod.start(["memcached", "-u", "nobody", "-l", "127.0.0.1", "-p", "11311"]),
        ]
        talkers += try (0..<4).map { _ in try pod.start(["/usr/bin/python3", "-uc", ask]) }
        try pod.waits(for: ["curl", "-s", "-o", "/dev/null", "http://127.0.0.1:8080/"])
        return talkers
    }

    @Test(.enabled(if: isReal, "make test-real"))
    func `OpenSSL in all processes of a container at once`() throws {
        let pod = try Pod()
        let talkers = try crowd(pod)
        let file = try pod.patch(
            "crypto-version", of: Self.libraries + "libcrypto.so.3", ["OpenSSL_version"],
            source: "const char *OpenSSL_version(int type) { return \"patched now\"; }")
        for _ in 0..<3 {
            try pod.change(file, ["--all-or-nothing"], least: 8) { isPatched in
                for talker in talkers.suffix(4) {
                    let answer = talker.ask("") ?? ""
                    #expect(answer.hasPrefix(isPatched ? "patched " : "OpenSSL "), "\(answer)")
                }
            }
        }
    }

    @Test(.enabled(if: isReal, "make test-real"))
    func `glibc itself in all processes of a container`() throws {
        let pod = try Pod()
        let talkers = try crowd(pod)
        let file = try pod.patch(
            "gai-text", of: Self.libraries + "libc.so.6", ["gai_strerror"],
            source: "const char *gai_strerror(int code) { return code == -2 ? \"patched\" : \"other\"; }")
        for _ in 0..<3 {
            // The first process of the container is among them.
            try pod.change(file, least: 9) { isPatched in
                for talker in talkers.suffix(4) {
                    let answer = talker.ask("") ?? ""
                    #expect(answer.hasSuffix(isPatched ? " patched" : " Name or service not known"), "\(answer)")
                }
            }
        }
    }
}
