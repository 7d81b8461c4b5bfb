import Findings
import Foundation
import Linux
import TestSupport

/// A small program with a flaw, the patch for it, a channel that publishes it, and a machine's files below a folder.
final class ClientSite {
    let shop: Workshop
    private let isBusy: Bool
    private(set) var pid = ProcessID(0)
    var channel: String { shop.path("channel") }
    var root: String { shop.path("root") }
    var outputOfProgram: String? { shop.lastLine(of: "out") }

    private var others: [Process] = []

    /// The same, but the function that the update changes never ends.
    static let busySource = source.replacing("return n > 1 ? 100 * n : 1; }", with: "pause(); return n; }")

    static let source = """
        #include <stdio.h>
        #include <unistd.h>
        __attribute__((noinline)) int price(int n) { return n > 1 ? 100 * n : 1; }
        int main(void) {
            for (int i = 0;; i++) {
                FILE *out = fopen("out", "w");
                fprintf(out, "%d\\n", price(1 + i % 1));
                fclose(out);
                usleep(10000);
            }
        }
        """

    func diff(to value: Int) -> String {
        let old = isBusy ? "pause(); return n; }" : "return n > 1 ? 100 * n : 1; }"
        let new = isBusy ? "pause(); return \(value) + n; }" : "return n > 1 ? 100 * n : \(value); }"
        return """
            --- a/shop.c
            +++ b/shop.c
            @@ -1,5 +1,5 @@
             #include <stdio.h>
             #include <unistd.h>
            -__attribute__((noinline)) int price(int n) { \(old)
            +__attribute__((noinline)) int price(int n) { \(new)
             int main(void) {
                 for (int i = 0;; i++) {

            """
    }

    init(isBusy: Bool = false) throws {
        self.isBusy = isBusy
        // A build-id of its own: an upgrade concerns every process of the machine, those of other tests included.
        let mark = "const char mark[] = \"\(UUID().uuidString)\";\n"
        shop = try Workshop([
            "shop.c": (isBusy ? Self.busySource : Self.source) + "\n" + mark,
            "Makefile": "shop: shop.c\n\tgcc -O2 -g -o shop shop.c\n",
        ])
        // The process that fetches has no rights, and must get to its folder.
        _ = try Command("/usr/bin/chmod", ["755", shop.path("")]).run()
        try shop.make()
        pid = try shop.start("shop")
    }

    /// Any verb.
    ///
    /// `undo` by name must say `--pid`: other tests' processes have updates of the same name.
    @discardableResult
    func tsugite(_ arguments: [String]) throws -> CommandResult { try TsugiteCommand.run(arguments) }

    /// A verb of this machine.
    @discardableResult
    func machine(_ arguments: String...) throws -> CommandResult {
        try TsugiteCommand.run(arguments + ["--root", root])
    }

    /// A channel with one update, and a machine that follows it.
    func publish(_ id: String = "FIX-1", value: Int = 2, more: [String] = []) throws {
        let file = "\(id).tsp"
        _ = try shop.build(diff(to: value), target: "shop", output: file)
        if !FileFacts.exists(channel) {
            try tsugite(["channel", "init", channel, "--new-keys", shop.path("keys")])
            try shop.write("root/etc/tsugite/trust/stable.root.json", "")
            try FileSystem.replace(
                root + "/etc/tsugite/trust/stable.root.json",
                with: try FileSystem.read(channel + "/metadata/1.root.json"))
            try configure("")
        }
        try tsugite(
            [
                "channel", "add", channel, shop.path(file), "--id", id, "--family", "user/shop",
                "--effective-version",
                "1.\(value)", "--advisory", "CVE-2026-000\(value)", "--severity", "high",
            ] + more)
        try sign("publish")
    }

    @discardableResult
    func sign(_ verb: String, _ more: String...) throws -> CommandResult {
        try tsugite(
            ["channel", verb, channel] + more + ["--keys", shop.path("keys/publisher"), shop.path("keys/online")])
    }

    /// Writes `tsugite.yaml`: the channel, and more lines.
    func configure(_ lines: String, url: String? = nil) throws {
        try shop.write(
            "root/etc/tsugite/tsugite.yaml",
            "channels:\n  - label: stable\n    url: \(url ?? channel)\n    trusted_root: /etc/tsugite/trust/stable.root.json\n"
                + lines)
    }

    /// The codes that doctor finds, worst first.
    func codes() throws -> [String] {
        struct Report: Decodable {
            struct Item: Decodable { let finding: Finding }
            let findings: [Item]
        }
        let result = try machine("doctor", "--json")
        return try JSONDecoder().decode(Report.self, from: Data(result.output)).findings.map(
            \.finding.code.rawValue)
    }

    /// Replaces a pattern in a file.
    func rewrite(_ path: String, _ pattern: String, _ text: String) throws {
        let old = try FileSystem.readText(path)
        try FileSystem.replace(path, with: old.replacing(try Regex(pattern), with: text))
    }

    /// Ends the program.
    func end() throws {
        kill(pid.rawValue, SIGKILL)
        usleep(200_000)
    }

    /// Starts another program; it ends with the site.
    func start(_ command: [String]) throws -> ProcessID {
        let process = Process()
        process.executableURL = URL(fileURLWithPath: command[0])
        process.arguments = Array(command.dropFirst())
        process.currentDirectoryURL = URL(fileURLWithPath: shop.path(""))
        try process.run()
        others.append(process)
        usleep(300_000)
        return ProcessID(process.processIdentifier)
    }

    deinit { for process in others where process.isRunning { kill(process.processIdentifier, SIGKILL) } }

    func prints(_ line: String) async throws -> Bool { try await shop.lastLine(of: "out", becomes: line) }
}
