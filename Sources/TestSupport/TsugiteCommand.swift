import Glibc
public import Linux

/// The `tsugite` command that was built together with the tests.
public enum TsugiteCommand {
    /// Full path: the environment's `TSUGITE`, else the executable beside the running test.
    public static let path: String = {
        // getenv gives a text of the environment, which no test changes.
        if let given = unsafe getenv("TSUGITE") { return unsafe String(cString: given) }
        var buffer = [CChar](repeating: 0, count: 4096)
        // readlink writes at most the given number of bytes into the buffer of that size.
        let length = unsafe readlink("/proc/self/exe", &buffer, buffer.count)
        let running = String(decoding: buffer.prefix(max(0, length)).map { UInt8(bitPattern: $0) }, as: UTF8.self)
        return running.split(separator: "/").dropLast().map { "/" + $0 }.joined() + "/tsugite"
    }()

    /// Runs it and waits; the result holds its exit status and both outputs.
    public static func run(_ arguments: [String], in directory: String? = nil) throws -> CommandResult {
        try Command(path, arguments, directory: directory, timeout: .seconds(300)).run()
    }
}
