import Foundation
import Linux
import LivePatch
import TestSupport
import Testing

@testable import ProcessPatcher

extension ProcessTests {
    /// The agent and its socket.
    @Suite struct AgentTests {
        private final class Agent: @unchecked Sendable {
            let socket: String
            private let process = Process()

            init(_ folder: String) throws {
                socket = folder + "/agent.sock"
                let own = TsugiteCommand.path.split(separator: "/").dropLast().map { "/" + $0 }.joined()
                process.executableURL = URL(fileURLWithPath: own + "/tsugited")
                process.arguments = ["--socket", socket, "--user", "1"]
                process.standardError = FileHandle.nullDevice
                try process.run()
                for _ in 0..<500 where !FileManager.default.fileExists(atPath: socket) { usleep(10_000) }
            }

            /// What came of a change.
            func result(_ request: String) throws -> String {
                let report = try ask(request).last?["report"] as? [String: Any]
                return report?["result"] as? String ?? "none"
            }

            /// Asks as some user; the answer's lines.
            func ask(_ request: String, as user: UInt32 = 0) throws -> [[String: Any]] {
                let script = """
                    import os, socket, sys
                    os.setuid(\(user))
                    s = socket.socket(socket.AF_UNIX); s.connect('\(socket)')
                    s.sendall(sys.argv[1].encode() + b'\\n'); s.shutdown(1)
                    while True:
                        more = s.recv(65536)
                        if not more: break
                        os.write(1, more)
                    """
                let result = try Command("/usr/bin/python3", ["-c", script, request], timeout: .seconds(60)).run()
                try #require(result.succeeded, "\(result.errorText)")
                return try result.outputText.split(separator: "\n").map {
                    try #require(JSONSerialization.jsonObject(with: Data($0.utf8)) as? [String: Any])
                }
            }

            deinit {
                kill(process.processIdentifier, SIGTERM)
                process.waitUntilExit()
            }
        }

        @Test func `the agent changes processes and streams what happens, to root and named users only`() throws {
            let lab = try Lab.of()
            let folder = "/tmp/tsugite-agent-\(getpid())"
            try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
            defer { try? FileManager.default.removeItem(atPath: folder) }
            let file = folder + "/fix.tsp"
            try FileSystem.replace(file, with: lab.patch("agent-fix").patch.encoded())
            let victims = [try lab.start(), try lab.start()]
            let pids = victims.map { "\($0.pid)" }.joined(separator: ", ")
            let agent = try Agent(folder)
            let applied = try agent.ask("{\"verb\": \"apply\", \"files\": [\"\(file)\"], \"pids\": [\(pids)]}")
            #expect(applied.count { $0["process"] != nil } == 2, "\(applied)")
            #expect((applied.last?["report"] as? [String: Any])?["result"] as? String == "applied")
            for victim in victims { #expect(victim.ask("a") == "42") }
            let status = try agent.ask("{\"verb\": \"status\", \"pids\": [\(pids)]}", as: 1)
            #expect(((status.last?["status"] as? [String: Any])?["processes"] as? [Any])?.count == 2)
            let undone = try agent.ask("{\"verb\": \"undo\", \"patch\": \"agent-fix\", \"pids\": [\(pids)]}")
            #expect((undone.last?["report"] as? [String: Any])?["result"] as? String == "applied")
            for victim in victims { #expect(victim.ask("a") == "41") }
            let refused = try agent.ask("{\"verb\": \"status\"}", as: 65534)
            #expect(
                (refused.first?["error"] as? [String: Any])?["code"] as? String == "USR-PERMISSION", "\(refused)")
            for nonsense in ["", "{", "{\"verb\": \"format\"}", String(repeating: "x", count: 1000)] {
                let answer = try agent.ask(nonsense)
                #expect(answer.first?["error"] != nil, "\(answer)")
            }
            #expect(try agent.ask("{\"verb\": \"version\"}").first?["version"] as? String == "0.1.0")
        }

        @Test func `the agent answers questions while a change waits, and makes changes one after another`() throws
        {
            let lab = try Lab.of()
            let folder = "/tmp/tsugite-agent-turns-\(getpid())"
            try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
            defer { try? FileManager.default.removeItem(atPath: folder) }
            let file = folder + "/fix.tsp"
            try FileSystem.replace(file, with: lab.patch("agent-turns", replacing: ["stay"]).patch.encoded())
            let busy = try lab.start()
            #expect(busy.ask("stay") == "ok")
            let free = try lab.start()
            let agent = try Agent(folder)
            func apply(_ victim: Victim) -> String {
                "{\"verb\": \"apply\", \"files\": [\"\(file)\"], \"pids\": [\(victim.pid)]}"
            }
            let requests = [apply(busy), apply(free)]
            let tasks = requests.map { request in Background { _ in try agent.result(request) } }
            // The first one is in its turn, and a thread of its process stays in the function.
            usleep(300_000)
            for _ in 0..<20 { #expect(try agent.ask("{\"verb\": \"version\"}").count == 1) }
            #expect(try agent.ask("{\"verb\": \"status\", \"pids\": [\(busy.pid)]}").last?["status"] != nil)
            #expect(busy.ask("leave") == "ok")
            for task in tasks { #expect(task.finish() == "applied") }
        }
    }
}
