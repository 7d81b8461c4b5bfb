import Foundation
public import Linux

/// A C or C++ compiler of the machine that runs the tests, and the folder that it writes to.
///
/// Tests compile their victims and fixtures from text when they run, so no binary is checked in and the
/// machine's own compilers are tested. The folder goes when the value that made it goes.
public final class Compiler: Sendable {
    /// Which compiler, by its full path, because other tool chains may shadow it on `PATH`.
    public enum Driver: String, Sendable, CaseIterable {
        /// GNU C.
        case gcc = "/usr/bin/gcc"
        /// GNU C++.
        case gxx = "/usr/bin/g++"
        /// Debian's LLVM C.
        case clang = "/usr/bin/clang"

        /// Whether it is installed.
        public var isInstalled: Bool { FileManager.default.isExecutableFile(atPath: rawValue) }
    }

    /// A tool of the test left with an error.
    public struct Failure: Error, CustomStringConvertible {
        /// The command line and what it printed.
        public let description: String

        /// Makes a failure.
        public init(description: String) { self.description = description }
    }

    /// Where outputs go.
    public let folder: String
    /// Full path of the compiler itself.
    public var program: String { driver.rawValue }
    private let driver: Driver

    /// Makes a fresh folder under the system's temporary one.
    public init(_ driver: Driver = .gcc) throws {
        self.driver = driver
        folder = NSTemporaryDirectory() + "tsugite-test-" + UUID().uuidString
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
    }

    deinit { try? FileManager.default.removeItem(atPath: folder) }

    /// Compiles text with the given flags; returns the path of the output, `name` inside ``folder``.
    ///
    /// The source stands beside it as `name.c`, or `name.cpp` for C++.
    public func compile(_ source: String, _ flags: [String], name: String = "output") throws -> String {
        let input = path(name + (driver == .gxx ? ".cpp" : ".c"))
        try source.write(toFile: input, atomically: false, encoding: .utf8)
        let output = path(name)
        // Libraries must follow the source that needs them.
        let libraries = flags.filter { $0.hasPrefix("-l") }
        let others = flags.filter { !$0.hasPrefix("-l") }
        _ = try run(driver.rawValue, others + ["-o", output, input] + libraries)
        return output
    }

    /// Writes bytes to a file of that name inside ``folder`` and returns its path.
    public func write(_ bytes: [UInt8], name: String) throws -> String {
        try Data(bytes).write(to: URL(fileURLWithPath: path(name)))
        return path(name)
    }

    /// A path inside ``folder``.
    public func path(_ name: String) -> String { folder + "/" + name }

    /// Runs any program in ``folder`` and returns what it printed, standard error included.
    /// - Throws: ``Failure`` unless it exits with 0.
    public func run(_ program: String, _ arguments: [String]) throws -> String {
        let process = Process()
        process.executableURL = URL(fileURLWithPath: program)
        process.arguments = arguments
        process.currentDirectoryURL = URL(fileURLWithPath: folder)
        process.environment = ProcessInfo.processInfo.environment.merging(["LC_ALL": "C"]) { $1 }
        let pipe = Pipe()
        process.standardOutput = pipe
        process.standardError = pipe
        process.standardInput = FileHandle.nullDevice
        try process.run()
        let output = String(decoding: pipe.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
        process.waitUntilExit()
        guard process.terminationStatus == 0 else {
            throw Failure(
                description:
                    "\(program) \(arguments.joined(separator: " ")): \(process.terminationStatus)\n\(output)")
        }
        return output
    }

    /// Compiles like ``compile(_:_:name:)`` and reads the output.
    public func bytes(_ source: String, _ flags: [String], name: String = "output") throws -> ByteStorage {
        try ByteStorage(reading: try compile(source, flags, name: name))
    }
}

extension Compiler {
    /// Reads a file whole.
    public func read(_ path: String) throws -> ByteStorage { try ByteStorage(reading: path) }
}
