import Linux

// Addresses that a process has handed to the kernel, which no look at its memory shows: handlers of signals, the
// words that epoll and timers give back. Calls that are under way have theirs in registers. What rings of requests
// (io_uring) hold can't be asked for.

/// Asks the kernel for addresses of a process that lead into an image.
struct KernelReferences {
    let session: ProcessSession
    let context: PatcherContext

    /// Who holds an address inside the image, in words; nil if nobody.
    func holder(of image: RemoteRange) throws(PatcherError) -> String? {
        if let holder = try onProcess(session.process, { () throws(SystemError) in try inFiles(image) }) {
            return holder
        }
        if let holder = try onProcess(session.process, { () throws(SystemError) in try inTimers(image) }) {
            return holder
        }
        return try inHandlers(image)
    }

    private func inFiles(_ image: RemoteRange) throws(SystemError) -> String? {
        let folder = "/proc/\(session.alive)"
        for entry in try Directory.entries(of: folder + "/fd") where Int(entry.name) != nil {
            guard let target = try? ProcessFiles.readLink(folder + "/fd/" + entry.name) else { continue }
            if target == "anon_inode:[io_uring]" { return "a ring of requests, descriptor \(entry.name)" }
            guard target == "anon_inode:[eventpoll]" else { continue }
            let text = try FileSystem.readText(folder + "/fdinfo/" + entry.name)
            if Self.pollData(text).contains(where: { image.contains(RemoteAddress($0)) }) {
                return "epoll, descriptor \(entry.name)"
            }
        }
        return nil
    }

    /// The words behind `data:` in `/proc/PID/fdinfo/N` of epoll(7), proc(5).
    static func pollData(_ text: String) -> [UInt64] {
        text.split(separator: "\n").compactMap { line in
            let words = line.split(separator: " ", omittingEmptySubsequences: true)
            guard let at = words.firstIndex(of: "data:"), at + 1 < words.count else { return nil }
            return UInt64(words[at + 1], radix: 16)
        }
    }

    private func inTimers(_ image: RemoteRange) throws(SystemError) -> String? {
        let text = try FileSystem.readText("/proc/\(session.alive)/timers")
        return Self.timerData(text).contains { image.contains(RemoteAddress($0)) } ? "a timer" : nil
    }

    /// The words behind the signal's number in `/proc/PID/timers`, proc(5): `signal: 10/00007f0012345678`.
    static func timerData(_ text: String) -> [UInt64] {
        text.split(separator: "\n").compactMap { line in
            guard line.hasPrefix("signal:"), let word = line.split(separator: "/").last else { return nil }
            return UInt64(word, radix: 16)
        }
    }

    /// Has a borrowed thread ask for the handler of each signal that has one.
    private func inHandlers(_ image: RemoteRange) throws(PatcherError) -> String? {
        var reader = ProcReader()
        let caught = try onProcess(session.process) { () throws(SystemError) in
            try reader.status(of: session.alive).caughtSignals
        }
        guard caught != 0 else { return nil }
        var borrowed = try context.borrow(session)
        do throws(SystemError) {
            var holder: String?
            for number in UInt64(1)...64 where caught >> (number - 1) & 1 == 1 {
                let call = RemoteCall(
                    number: .signalAction, arguments: [number, 0, borrowed.scratch.rawValue, 8, 0, 0])
                guard try borrowed.call(call, session.memory.remote) == 0 else { continue }
                // The handler comes first, the restorer third.
                for offset in [UInt64(0), 16] {
                    guard let place = borrowed.scratch.adding(offset) else { continue }
                    let word = try session.memory.remote.word(at: place)
                    if image.contains(RemoteAddress(word)) { holder = "the handler of signal \(number)" }
                }
            }
            try borrowed.giveBack()
            return holder
        } catch {
            throw PatcherError(error, session.process)
        }
    }
}
