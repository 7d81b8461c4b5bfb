import CLinux

/// A program to be run to its end as a tool: arguments, folder, environment, and where its output goes.
///
/// Synchronous, because tracers and build stages are straight code on a thread of their own. Its descriptors
/// beyond 0, 1 and 2 are closed, its signals are reset, and it runs in a process group of its own, so that
/// a deadline ends it with its children.
public struct Command: Sendable {
    /// The program: a name to be found along this process's `PATH`, or a path.
    ///
    /// A relative path with a slash starts from ``directory``.
    public var program: String
    /// The arguments behind the program's name.
    public var arguments: [String]
    /// `NAME=value` pairs; nil means this process's own.
    public var environment: [String]?
    /// Where it runs; nil means this process's folder.
    public var directory: String?
    /// What it reads; nil means nothing.
    public var input: [UInt8]?
    /// How long it may run before its process group is killed; nil means without limit.
    public var timeout: Duration?
    /// The most bytes kept of each output; the rest is read and dropped.
    public var outputLimit = 64 << 20

    /// Describes a command; nothing runs yet.
    public init(
        _ program: String, _ arguments: [String] = [], environment: [String]? = nil,
        directory: String? = nil, input: [UInt8]? = nil, timeout: Duration? = nil
    ) {
        self.program = program
        self.arguments = arguments
        self.environment = environment
        self.directory = directory
        self.input = input
        self.timeout = timeout
    }
}

/// How a tool ended, and what it said.
public struct CommandResult: Sendable, Equatable {
    /// How it ended: ``WaitStatus/exited(code:)`` or ``WaitStatus/killed(_:coreDumped:)``.
    public var status: WaitStatus
    /// Its standard output.
    public var output: [UInt8]
    /// Its standard error.
    public var error: [UInt8]
    /// Whether the time ran out, so that it was killed.
    public var timedOut: Bool

    /// Whether it ended by itself with code 0.
    public var succeeded: Bool { status == .exited(code: 0) }
    /// The output as text; what isn't UTF-8 becomes U+FFFD.
    public var outputText: String { String(decoding: output, as: UTF8.self) }
    /// The error output as text; what isn't UTF-8 becomes U+FFFD.
    public var errorText: String { String(decoding: error, as: UTF8.self) }
}
