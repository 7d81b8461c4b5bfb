import ArgumentParser
import Console
import Findings
import FoundationEssentials
import Linux
import LivePatch
import ProcessPatcher
import Synchronization

/// `tsugited`: the agent on a machine, which client and hub talk to over a local socket.
@main
struct Agent: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "tsugited", abstract: "Serve live patching on a local socket.",
        discussion: """
            Takes one request, a line of JSON, for each connection and answers with events, a line each; the last \
            line is the report. Only root, and users named with --user, are answered: the kernel says who they are. \
            Changes wait for their turn; questions are answered at once.

            Example:
              tsugited --socket /run/tsugite/tsugited.sock

            Exit status: 0 ended by SIGINT or SIGTERM, 13 blocked, 64 usage, 70 internal error.
            """, version: "0.1.0")

    @Option(help: "Where to listen.")
    var socket = "/run/tsugite/tsugited.sock"

    @Option(help: "Users, by number, who may ask besides root.")
    var user: [UInt32] = []

    /// How long a client may take to say what it wants, and to take each line of the answer, in milliseconds.
    private static let patience: UInt32 = 10_000
    /// The same for those who aren't answered anyway.
    private static let shortPatience: UInt32 = 200

    func run() throws {
        try reportingErrors(json: false) {
            try EndSignals.block()
            try FileSystem.makeDirectory(FileSystem.parent(of: socket), mode: 0o755)
            let listener = try LocalSocket(listeningAt: socket, mode: user.isEmpty ? 0o600 : 0o666)
            Output.note("tsugited: listening at \(socket)")
            let conversations = Conversations()
            while !EndSignals.arrived() {
                guard let connection = try listener.accept(milliseconds: 200) else { continue }
                let conversation = Conversation(connection)
                // A client that misbehaves is its own problem.
                conversations.begin { try? serve(conversation) }
            }
            // Nothing is left half done: who asked before the end is answered.
            conversations.finish()
        }
    }

    private func serve(_ conversation: Conversation) throws {
        let peer = try conversation.peer()
        guard peer.user == 0 || user.contains(peer.user) else {
            var finding = Finding(
                .processPermission, "user \(peer.user) may not ask this agent", evidence: ["uid": "\(peer.user)"])
            finding.remedy = "Ask as root, or start tsugited with --user \(peer.user)."
            // What was asked is taken first, or closing would throw the answer away with it.
            try conversation.limit(milliseconds: Self.shortPatience)
            _ = try? conversation.request()
            return try conversation.say(AgentAnswer(error: finding))
        }
        try conversation.limit(milliseconds: Self.patience)
        do {
            try answer(try conversation.request(), conversation)
        } catch let error as any DiagnosableError {
            try conversation.say(AgentAnswer(error: error.finding))
        }
    }

    private func answer(_ request: AgentRequest, _ conversation: Conversation) throws {
        // Events come from several threads; who has gone away misses them.
        let observer: @Sendable (PatcherEvent) -> Void = { try? conversation.say(AgentAnswer($0)) }
        switch request.verb {
        case .version:
            var answer = AgentAnswer()
            answer.version = Self.configuration.version
            try conversation.say(answer)
        case .status:
            var answer = AgentAnswer()
            answer.status = try ProcessPatcher.status(request.selection)
            try conversation.say(answer)
        case .apply:
            let patches = try (request.files ?? []).map { path in
                PatchInput(try PatchFile(ByteStorage(reading: path, limit: LivePatch.Limits.fileSize)))
            }
            let options = ProcessPatcher.ApplyOptions(
                wait: request.duration, allowReplace: request.replace ?? false,
                isAllOrNothing: request.allOrNothing ?? false, atReturn: request.atReturn ?? false,
                observer: observer)
            try Self.turn.withLock { _ in _ = try ProcessPatcher.apply(patches, to: request.selection, options) }
        case .undo:
            try Self.turn.withLock { _ in
                _ = try ProcessPatcher.undo(
                    PatchSelector(request.patch ?? ""), in: request.selection, wait: request.duration,
                    isAllOrNothing: request.allOrNothing ?? false, atReturn: request.atReturn ?? false,
                    observer: observer)
            }
        case .recover:
            try Self.turn.withLock { _ in
                _ = try ProcessPatcher.recover(request.selection, wait: request.duration, observer: observer)
            }
        }
    }

    /// Two changes at the same time would find each other's processes traced.
    private static let turn = Mutex(())
}

/// The conversations that go on at the same time, each on a thread of its own.
private final class Conversations: Sendable {
    private let count = Mutex(0)
    private static let most = 64

    /// Begins one more, once there are few enough of them.
    func begin(_ body: @escaping @Sendable () -> Void) {
        wait(below: Self.most)
        count.withLock { $0 += 1 }
        do throws(SystemError) {
            try PlainThread.detached {
                body()
                self.count.withLock { $0 -= 1 }
            }
        } catch {
            // No thread to be had: this one goes first.
            body()
            count.withLock { $0 -= 1 }
        }
    }

    /// Waits until all have ended.
    func finish() { wait(below: 1) }

    private func wait(below limit: Int) {
        while count.withLock({ $0 }) >= limit { Nap.nanoseconds(5_000_000) }
    }
}

/// One connection.
final class Conversation: Sendable {
    private let connection: OwnedDescriptor
    private let turn = Mutex(())

    init(_ connection: consuming OwnedDescriptor) { self.connection = connection }

    func peer() throws(SystemError) -> LocalSocket.Peer { try LocalSocket.peer(of: connection) }

    func limit(milliseconds: UInt32) throws(SystemError) {
        try LocalSocket.limit(connection, milliseconds: milliseconds)
    }

    /// The request: everything up to the first line end.
    func request() throws -> AgentRequest {
        var line: [UInt8] = []
        var part = [UInt8](repeating: 0, count: 4096)
        while line.count < AgentRequest.limit, !line.contains(0x0a) {
            // Sound: the kernel writes at most the array's bytes.
            let count = try unsafe part.withUnsafeMutableBytes { unsafe connection.read(into: $0) }
                .check("read", "socket")
            if count == 0 { break }
            line += part[..<count]
        }
        do {
            return try JSONDecoder().decode(AgentRequest.self, from: Data(line.prefix { $0 != 0x0a }))
        } catch {
            throw BadRequest(why: "\(error)")
        }
    }

    /// Sends a line.
    func say(_ answer: AgentAnswer) throws {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        let bytes = [UInt8](try encoder.encode(answer)) + [0x0a]
        try turn.withLock { _ in try connection.writeAll(bytes, name: "socket") }
    }
}

/// A line that is no request.
struct BadRequest: DiagnosableError {
    let why: String

    var finding: Finding {
        Finding(.commandUsage, "the request makes no sense", evidence: ["why": why])
    }
}
