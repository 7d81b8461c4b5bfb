import Foundation
import Linux
import TestSupport
import Testing

/// A small C project in a folder of its own, its running program, and the command under test.
///
/// Gone with the value: the program is ended, the folder removed.
final class Workshop {
    private let directory: TemporaryDirectory
    private var running: [Process] = []
    /// Top of the source tree.
    var tree: String { directory.path + "/tree" }

    init(_ files: [String: String]) throws {
        directory = try TemporaryDirectory(prefix: "tsugite-end")
        for (path, text) in files { try write("tree/" + path, text.hasSuffix("\n") ? text : text + "\n") }
    }

    deinit {
        for process in running where process.isRunning {
            kill(process.processIdentifier, SIGKILL)
            process.waitUntilExit()
        }
    }

    func path(_ name: String) -> String { directory.path + "/" + name }

    func write(_ name: String, _ text: String) throws {
        try FileSystem.makeDirectory(FileSystem.parent(of: path(name)))
        try FileSystem.replace(path(name), with: text)
    }

    /// Runs the tree's own build.
    func make() throws {
        let result = try Command("/usr/bin/make", ["-s"], directory: tree).run()
        try #require(result.succeeded, "make: \(result.errorText)")
    }

    /// Starts a program of the tree; it ends with the workshop.
    func start(_ program: String, _ arguments: [String] = []) throws -> ProcessID {
        let process = Process()
        process.executableURL = URL(fileURLWithPath: tree + "/" + program)
        process.arguments = arguments
        process.standardInput = FileHandle.nullDevice
        process.currentDirectoryURL = URL(fileURLWithPath: directory.path)
        try process.run()
        running.append(process)
        return ProcessID(process.processIdentifier)
    }

    /// `tsugite build` of this tree.
    func build(_ diff: String, target: String, output: String = "fix.tsp", _ more: [String] = []) throws
        -> CommandResult
    {
        try write("fix.diff", diff)
        return try TsugiteCommand.run(
            [
                "build", "--source", tree, "--patch", path("fix.diff"), "--target",
                target.hasPrefix("/") ? target : tree + "/" + target,
                "--build-command", "make -B", "--work", path("work"), "-o", path(output), "--quiet",
            ] + more)
    }

    /// Waits until a file's last line is the wanted one.
    func lastLine(of name: String, becomes wanted: String) async throws -> Bool {
        for _ in 0..<400 {
            if lastLine(of: name) == wanted { return true }
            try await Task.sleep(for: .milliseconds(25))
        }
        return false
    }

    func lastLine(of name: String) -> String? { try? lines(of: name).last }

    /// The whole lines of a file from an offset on.
    func lines(of name: String, from offset: UInt64 = 0) throws -> [String] {
        let file = try FileHandle(forReadingFrom: URL(fileURLWithPath: path(name)))
        defer { try? file.close() }
        try file.seek(toOffset: offset)
        let text = String(decoding: try file.readToEnd() ?? Data(), as: UTF8.self)
        return text.split(separator: "\n", omittingEmptySubsequences: false).dropLast().map(String.init)
    }

    /// How many bytes a file has now.
    func size(of name: String) throws -> UInt64 {
        let file = try FileHandle(forReadingFrom: URL(fileURLWithPath: path(name)))
        defer { try? file.close() }
        return try file.seekToEnd()
    }
}

/// The exit code, if the command ended by itself.
func exitCode(_ result: CommandResult) -> Int? {
    if case .exited(let code) = result.status { Int(code) } else { nil }
}

/// Whether this user may attach to processes; whole-system tests are skipped visibly otherwise.
let mayTrace = geteuid() == 0

/// A counter that writes a line every 10 ms, in two files so that the function that changes returns.
///
/// Each set of files makes a binary with a build-id of its own, so that a patch made in one test concerns no
/// process of another.
enum Counter {
    static var files: [String: String] {
        var files = template
        files["token.c"] = "const char token[] = \"\(UUID().uuidString)\";"
        return files
    }

    private static let template = [
        "Makefile": """
        CFLAGS = -O2
        counter: main.o step.o token.o
        \t$(CC) -o $@ main.o step.o token.o -lpthread
        .PHONY: all
        """,
        "step.c": """
        static int calls;
        int step(int x)
        {
            calls++;
            return x + 1;
        }
        """,
        "main.c": """
        #include <pthread.h>
        #include <stdio.h>
        #include <unistd.h>
        int step(int);
        static void *other(void *file)
        {
            for (;;) { step(3); usleep(500); }
            return file;
        }
        int main(int argc, char **argv)
        {
            FILE *out = fopen(argv[1], "w");
            pthread_t thread;
            for (int i = 0; i < 3; i++) pthread_create(&thread, 0, other, out);
            for (;;) {
                fprintf(out, "%d\\n", step(argc) - argc);
                fflush(out);
                usleep(10000);
            }
        }
        """,
    ]

    static func diff(_ bonus: Int) -> String {
        """
        --- a/step.c
        +++ b/step.c
        @@ -2,5 +2,5 @@
         int step(int x)
         {
             calls++;
        -    return x + 1;
        +    return x + \(bonus);
         }

        """
    }
}
