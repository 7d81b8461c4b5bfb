import Foundation
import Linux
import TestSupport
import Testing

/// C++ exceptions through new code in a running program.
@Suite(.enabled(if: mayTrace, "attaching to processes needs root")) struct ExceptionTests {
    /// Every 10 ms: a chain of calls whose end throws; `middle` is what changes.
    private static func files() -> [String: String] {
        [
            "Makefile": """
            CXXFLAGS = -O2
            thrower: main.o middle.o deep.o
            \t$(CXX) -o $@ main.o middle.o deep.o -lpthread
            """,
            "deep.cpp": """
            #include <stdexcept>
            extern const char token[];
            const char token[] = "\(UUID().uuidString)";
            void deep(int x) { if (x % 2) throw std::runtime_error("odd"); }
            """,
            "middle.cpp": middle,
            "main.cpp": """
            #include <cstdio>
            #include <exception>
            #include <unistd.h>
            int middle(int);
            extern int destroyed;
            int main(int, char **argv)
            {
                FILE *out = fopen(argv[1], "w");
                for (int i = 0;; i ^= 1) {
                    int result;
                    try { result = middle(i); } catch (const std::exception &e) { result = -1; }
                    int other;
                    try { other = middle(i ^ 1); } catch (const std::exception &e) { other = -1; }
                    fprintf(out, "%d %d\\n", i ? other : result, i ? result : other);
                    fflush(out);
                    usleep(10000);
                }
            }
            """,
        ]
    }

    private static let middle = """
        #include <stdexcept>
        void deep(int);
        int destroyed;
        struct Guard { ~Guard() { destroyed++; } };
        int middle(int x)
        {
            Guard guard;
            deep(x);
            return 10;
        }
        """

    private func applied(_ diff: String, becomes line: String) async throws {
        let workshop = try Workshop(Self.files())
        try workshop.make()
        let built = try workshop.build(diff, target: "thrower")
        #expect(exitCode(built) == 0, "\(built.outputText)\(built.errorText)")
        let pid = try workshop.start("thrower", [workshop.path("log")])
        #expect(try await workshop.lastLine(of: "log", becomes: "10 -1"))
        for _ in 0..<3 {
            let applied = try TsugiteCommand.run(["apply", workshop.path("fix.tsp"), "--pid", "\(pid)"])
            #expect(exitCode(applied) == 0, "\(applied.outputText)\(applied.errorText)")
            #expect(try await workshop.lastLine(of: "log", becomes: line))
            let undone = try TsugiteCommand.run(["undo", "fix", "--pid", "\(pid)"])
            #expect(exitCode(undone) == 0, "\(undone.outputText)\(undone.errorText)")
            #expect(try await workshop.lastLine(of: "log", becomes: "10 -1"))
        }
    }

    @Test func `passes an exception of old code through new code, cleanups and all`() async throws {
        try await applied(
            """
            --- a/middle.cpp
            +++ b/middle.cpp
            @@ -6,5 +6,5 @@
             {
                 Guard guard;
                 deep(x);
            -    return 10;
            +    return 20;
             }

            """, becomes: "20 -1")
    }

    @Test func `catches in new code what old code throws`() async throws {
        try await applied(
            """
            --- a/middle.cpp
            +++ b/middle.cpp
            @@ -6,5 +6,9 @@
             {
                 Guard guard;
            -    deep(x);
            +    try {
            +        deep(x);
            +    } catch (const std::runtime_error &e) {
            +        return (int)e.what()[0];
            +    }
                 return 10;
             }

            """, becomes: "10 111")
    }

    @Test func `catches in old code what new code throws`() async throws {
        try await applied(
            """
            --- a/middle.cpp
            +++ b/middle.cpp
            @@ -6,5 +6,6 @@
             {
                 Guard guard;
                 deep(x);
            +    if (destroyed >= 0) throw std::logic_error("new");
                 return 10;
             }

            """, becomes: "-1 -1")
    }
}
