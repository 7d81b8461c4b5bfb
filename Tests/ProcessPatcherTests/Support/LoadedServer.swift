import Foundation
import Linux
import LivePatch
import ProcessPatcher
import TestSupport

/// A server with several threads, and clients that check each of its answers.
///
/// Both are compiled at test time. The server answers a number with `quote(number)`, which version 1 and version 2
/// compute differently; the clients count answers, and those that neither version would give.
final class LoadedServer {
    let server: Victim
    private let clients: Victim
    private let compiler: Compiler
    private let program: String

    init(threads: Int = 4) throws {
        compiler = try Compiler()
        let flags = ["-O2", "-Wl,--build-id", "-lpthread", Lab.mark]
        program = try compiler.compile(Self.serverSource, flags + ["-DVERSION=1"], name: "server")
        server = try Victim(program, ["\(threads + 1)"])
        guard let port = server.line() else { throw MissingPart(what: "the server's port") }
        let load = try compiler.compile(Self.clientSource, flags, name: "client")
        clients = try Victim(load, [port, "\(threads)"])
        guard clients.line() == "ready" else { throw MissingPart(what: "the clients' first line") }
    }

    /// The patch to a later version, two functions in one transaction; each includes the versions before.
    func patch(_ version: Int = 2) throws -> PatchInput {
        let flags = ["-O2", "-DVERSION=\(version)", "-c", "-ffunction-sections", "-fdata-sections", Lab.mark]
        let object = try compiler.compile(Self.serverSource, flags, name: "server\(version).o")
        return try MiniBuilder.patch(
            "quote\(version)", binary: program, object: object, replacing: ["quote", "fee"],
            changes: (2...version).map { "quote\($0)" })
    }

    /// The same as a file.
    func file(_ version: Int) throws -> String {
        try compiler.write(patch(version).patch.encoded(), name: "quote\(version).tsp")
    }

    /// Which version answers now, by a request of our own; nil if the answer is of no version.
    func version() throws -> Int? {
        guard let answer = clients.ask("version") else { return nil }
        return Int(answer)
    }

    /// What the clients have seen up to now.
    func seen() throws -> Seen {
        let words = (clients.ask("report") ?? "").split(separator: " ").compactMap { Int($0) }
        guard words.count == 3 else { throw MissingPart(what: "the clients' report") }
        return Seen(answers: words[0], wrong: words[1], lost: words[2])
    }

    /// Answers counted by the clients.
    struct Seen {
        var answers: Int
        /// Answers that no version gives.
        var wrong: Int
        /// Requests without an answer: the connection broke.
        var lost: Int
    }

    private static let serverSource = #"""
        #include <arpa/inet.h>
        #include <pthread.h>
        #include <stdio.h>
        #include <stdlib.h>
        #include <sys/socket.h>
        #include <unistd.h>
        #define NOINLINE __attribute__((noinline, noclone))
        __attribute__((used)) static const char mark[] = RUN;
        static long served;
        NOINLINE long fee(long x) { return x % 7 + VERSION * 1000000; }
        NOINLINE long quote(long x) { __atomic_add_fetch(&served, 1, __ATOMIC_RELAXED); return x * 3 + fee(x) + VERSION; }
        static int listener;
        static void *serve(void *arg) {
            for (;;) {
                int s = accept(listener, 0, 0);
                long x;
                while (read(s, &x, sizeof x) == sizeof x) { x = quote(x); if (write(s, &x, sizeof x) != sizeof x) break; }
                close(s);
            }
            return arg;
        }
        int main(int argc, char **argv) {
            struct sockaddr_in a = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
            socklen_t l = sizeof a;
            listener = socket(AF_INET, SOCK_STREAM, 0);
            if (bind(listener, (void *)&a, l) || listen(listener, 50) || getsockname(listener, (void *)&a, &l)) return 1;
            for (int i = 0, n = argc > 1 ? atoi(argv[1]) : 1; i < n; i++) { pthread_t t; pthread_create(&t, 0, serve, 0); }
            printf("%d\n", ntohs(a.sin_port)); fflush(stdout);
            for (;;) pause();
        }
        """#

    private static let clientSource = #"""
        #include <arpa/inet.h>
        #include <netinet/tcp.h>
        #include <pthread.h>
        #include <stdio.h>
        #include <stdlib.h>
        #include <sys/socket.h>
        #include <unistd.h>
        static long answers, wrong, lost;
        static struct sockaddr_in address;
        static long expected(long x, long quote, long fee) { return x * 3 + x % 7 + fee * 1000000 + quote; }
        static int version(long x, long y) { for (int v = 1; v <= 3; v++) if (y == expected(x, v, v)) return v; return 0; }
        static int reach(void) {
            int s = socket(AF_INET, SOCK_STREAM, 0), one = 1;
            setsockopt(s, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
            if (connect(s, (void *)&address, sizeof address)) { close(s); return -1; }
            return s;
        }
        static void *client(void *arg) {
            unsigned seed = (unsigned)(long)arg;
            int s = reach();
            for (;;) {
                long x = rand_r(&seed) % 100000, y;
                if (write(s, &x, sizeof x) != sizeof x || read(s, &y, sizeof y) != sizeof y) { __atomic_add_fetch(&lost, 1, __ATOMIC_RELAXED); return 0; }
                /* Only a change with a thread inside quote, or a half-made one, mixes two versions. */
                if (!version(x, y)) __atomic_add_fetch(&wrong, 1, __ATOMIC_RELAXED);
                __atomic_add_fetch(&answers, 1, __ATOMIC_RELAXED);
                usleep(200);
            }
        }
        int main(int argc, char **argv) {
            if (argc < 3) return 1;
            address.sin_family = AF_INET; address.sin_addr.s_addr = htonl(INADDR_LOOPBACK); address.sin_port = htons(atoi(argv[1]));
            for (long i = 0; i < atoi(argv[2]); i++) { pthread_t t; pthread_create(&t, 0, client, (void *)(i + 1)); }
            puts("ready"); fflush(stdout);
            char line[100];
            int own = reach();
            while (fgets(line, sizeof line, stdin)) {
                if (line[0] == 'v') {
                    long x = 5, y = 0;
                    if (write(own, &x, sizeof x) != sizeof x || read(own, &y, sizeof y) != sizeof y) y = 0;
                    printf("%d\n", version(x, y)); fflush(stdout);
                    continue;
                }
                printf("%ld %ld %ld\n", __atomic_load_n(&answers, __ATOMIC_RELAXED), __atomic_load_n(&wrong, __ATOMIC_RELAXED), __atomic_load_n(&lost, __ATOMIC_RELAXED));
                fflush(stdout);
            }
            return 0;
        }
        """#
}
