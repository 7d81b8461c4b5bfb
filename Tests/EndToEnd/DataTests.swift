import Foundation
import Linux
import TestSupport
import Testing

/// Read-only data that is written over in place.
@Suite(.enabled(if: mayTrace, "attaching to processes needs root")) struct DataTests {
    private static func files() -> [String: String] {
        [
            "Makefile": """
            CFLAGS = -O2
            shower: main.o table.o
            \t$(CC) -o $@ main.o table.o
            """,
            // Pages of its own on both sides, so that the write crosses none.
            "table.c": """
            const char token[] = "\(UUID().uuidString)";
            const int limits[6] = { 10, 20, 30, 40, 50, 60 };
            """,
            "main.c": """
            #include <stdio.h>
            #include <unistd.h>
            extern const int limits[6];
            extern const char token[];
            int main(int argc, char **argv)
            {
                FILE *out = fopen(argv[1], "w");
                for (volatile int i = 0;; ) {
                    fprintf(out, "%d %d %d\\n", limits[i + 1], limits[i + 2], limits[i + 4] + !token[0]);
                    fflush(out);
                    usleep(10000);
                }
            }
            """,
        ]
    }

    private static let diff = """
        --- a/table.c
        +++ b/table.c
        @@ -1,2 +1,2 @@
         TOKEN
        -const int limits[6] = { 10, 20, 30, 40, 50, 60 };
        +const int limits[6] = { 10, 20, 31, 40, 51, 60 };

        """

    @Test func `writes over a shared constant with leave only, and undo brings it back`() async throws {
        let files = Self.files()
        let workshop = try Workshop(files)
        try workshop.make()
        let token = try #require(files["table.c"]?.split(separator: "\n").first)
        let built = try workshop.build(Self.diff.replacing("TOKEN", with: token), target: "shower")
        #expect(exitCode(built) == 0, "\(built.outputText)\(built.errorText)")
        let pid = try workshop.start("shower", [workshop.path("log")])
        #expect(try await workshop.lastLine(of: "log", becomes: "20 30 50"))
        let file = workshop.path("fix.tsp")
        let refused = try TsugiteCommand.run(["apply", file, "--pid", "\(pid)"])
        #expect(exitCode(refused) == 13)
        #expect((refused.outputText + refused.errorText).contains("USR-DATA"))
        #expect((refused.outputText + refused.errorText).contains("limits"))
        let applied = try TsugiteCommand.run(["apply", file, "--pid", "\(pid)", "--allow-data"])
        #expect(exitCode(applied) == 0, "\(applied.outputText)\(applied.errorText)")
        #expect(try await workshop.lastLine(of: "log", becomes: "20 31 51"))
        let undone = try TsugiteCommand.run(["undo", "fix", "--pid", "\(pid)"])
        #expect(exitCode(undone) == 0, "\(undone.outputText)\(undone.errorText)")
        #expect(try await workshop.lastLine(of: "log", becomes: "20 30 50"))
    }
}
