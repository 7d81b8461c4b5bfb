import Linux

/// Sees from outside what came of calls that a thread made in passing.
struct RoundObserver {
    let session: ProcessSession
    private static let patience = Duration.milliseconds(200)

    init(session: ProcessSession) { self.session = session }

    /// The descriptor of a memory file of that name, once it appears; nil if it doesn't.
    func file(named name: String) throws(SystemError) -> Int64? {
        let link = "/memfd:\(name) (deleted)"
        var found: Int64?
        try until {
            for fd in descriptors() where (try? ProcessFiles.readLink("\(folder)/\(fd)")) == link {
                found = Int64(fd)
                return true
            }
            return false
        }
        return found
    }

    /// Waits until the process has closed a descriptor: the end of a round.
    ///
    /// False if it doesn't.
    func waitForClose(_ fd: Int64) throws(SystemError) -> Bool {
        var closed = false
        try until {
            closed = (try? ProcessFiles.readLink("\(folder)/\(fd)")) == nil
            return closed
        }
        return closed
    }

    /// Which of the wanted ranges are mapped from our files, and how many aren't.
    func mappings(
        _ wanted: [RemoteRange], name: [String]
    ) throws(SystemError) -> (there: [RemoteRange], missing: Int) {
        var reader = ProcReader()
        let space = AddressSpace(try reader.mappings(of: session.alive))
        let there = wanted.filter { range in
            guard let mapping = space.mapping(at: range.start) else { return false }
            return mapping.area.range == range && name.contains { mapping.name.hasPrefix($0) }
        }
        return (there, wanted.count - there.count)
    }

    private var folder: String { "/proc/\(session.alive)/fd" }

    private func descriptors() -> [Int32] {
        guard var directory = try? NumberedDirectory(folder) else { return [] }
        var found: [Int32] = []
        try? directory.forEach { found.append($0) }
        return found
    }

    private func until(_ done: () -> Bool) throws(SystemError) {
        let deadline = MonotonicTime.now.advanced(by: Self.patience)
        var nap: UInt64 = 5_000
        while !done() {
            guard MonotonicTime.now < deadline else { return }
            Nap.nanoseconds(nap)
            nap = min(nap * 2, 2_000_000)
        }
    }
}
