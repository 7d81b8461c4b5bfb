import Foundation
public import Linux

/// Starts a program and kills it after some microseconds; answers whether it was still at work.
///
/// It is held by a descriptor: where processes come and go by the thousands, its number may already be another's
/// when the time has come.
public func runAndKill(
    _ program: String, _ arguments: [String], afterMicroseconds delay: UInt32
) throws -> Bool {
    let process = Process()
    process.executableURL = URL(fileURLWithPath: program)
    process.arguments = arguments
    process.standardOutput = FileHandle.nullDevice
    process.standardError = FileHandle.nullDevice
    try process.run()
    // Whoever has ended by now has no descriptor, and needs none.
    if let held = try? ProcessDescriptor(ProcessID(process.processIdentifier)) {
        usleep(delay)
        try? held.send(.kill)
    }
    process.waitUntilExit()
    return process.terminationReason == .uncaughtSignal
}

/// The threads of a process that are stopped, or that somebody traces.
public func heldThreads(of process: ProcessID) throws -> [ThreadID] {
    var reader = ProcReader()
    return try ThreadList.now(of: process).filter { thread in
        let id = ProcessID(thread.rawValue)
        let isTraced = try reader.status(of: id).tracer.rawValue != 0
        return try isTraced || ["T", "t"].contains(reader.stat(of: id).state)
    }
}
