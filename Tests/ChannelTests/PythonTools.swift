import Foundation

/// Python programs of these tests, and a virtual environment with python-tuf in it.
enum PythonTools {
    struct Failure: Error, CustomStringConvertible { let description: String }

    /// The python of an environment that has python-tuf; `nil` if PyPI can't be reached.
    ///
    /// Made once and kept in the build folder, which is where the test bundle is.
    static let withTUF: String? = {
        let build = Bundle.module.bundleURL.deletingLastPathComponent().path
        let environment = build + "/python-tuf"
        let python = environment + "/bin/python"
        if (try? run(python, ["-c", "import tuf.ngclient, cryptography"])) != nil { return python }
        guard (try? run("/usr/bin/env", ["python3", "-m", "venv", environment])) != nil,
            (try? run(python, ["-m", "pip", "install", "--quiet", "tuf", "securesystemslib[crypto]"])) != nil
        else { return nil }
        return python
    }()

    /// The command that was built beside the tests; `nil` if it wasn't.
    static let tsugite: String? = {
        let path = Bundle.module.bundleURL.deletingLastPathComponent().path + "/tsugite"
        return FileManager.default.isExecutableFile(atPath: path) ? path : nil
    }()

    static func script(_ name: String) -> String { Bundle.module.bundlePath + "/Interop/" + name }

    /// Runs a program and returns what it printed.
    @discardableResult
    static func run(_ program: String, _ arguments: [String]) throws -> String {
        let process = Process()
        process.executableURL = URL(fileURLWithPath: program)
        process.arguments = arguments
        let pipe = Pipe()
        process.standardOutput = pipe
        process.standardError = pipe
        process.standardInput = FileHandle.nullDevice
        try process.run()
        let output = String(decoding: pipe.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
        process.waitUntilExit()
        guard process.terminationStatus == 0 else {
            throw Failure(description: "\(program) \(arguments): \(process.terminationStatus)\n\(output)")
        }
        return output
    }
}

/// A web server of the test, honest or not; ends with the value.
final class WebServer {
    let address: String
    private let process = Process()
    private let input = Pipe()

    init(folder: String, log: String? = nil) throws {
        process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
        process.arguments = ["python3", PythonTools.script("serve.py"), folder] + (log.map { [$0] } ?? [])
        let output = Pipe()
        process.standardOutput = output
        process.standardInput = input
        try process.run()
        let line = String(decoding: output.fileHandleForReading.availableData, as: UTF8.self)
        address = "http://127.0.0.1:" + line.trimmingCharacters(in: .whitespacesAndNewlines)
    }

    deinit {
        try? input.fileHandleForWriting.close()
        process.waitUntilExit()
    }
}
