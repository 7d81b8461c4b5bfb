import Linux
import Synchronization

/// Those who wait for leave to open a file, on their way from the thread that hears of them to those that hold them.
final class StartQueue: Sendable {
    /// One who waits.
    struct Entry: Sendable {
        let event: FileWatch.Event
        let since: MonotonicTime
    }

    private let watch: FileWatch
    private let entries = Mutex<[Entry]>([])
    private let bell: OwnedDescriptor.Pipe
    private let over = Mutex(false)
    private let inHand = Mutex<Set<ProcessID>>([])

    init(_ watch: consuming FileWatch) throws(SystemError) {
        self.watch = watch
        bell = try OwnedDescriptor.pipe()
    }

    /// Whether nobody is to be held any more.
    var isOver: Bool { over.withLock { $0 } }

    /// Ends it: everybody who waits is let go, and all threads return soon.
    func end() {
        over.withLock { $0 = true }
        for entry in entries.withLock({
            let all = $0; $0 = []; return all
        }) { watch.allow(entry.event) }
    }

    /// Notes that a process is held, or no longer.
    func note(_ process: ProcessID, isHeld: Bool) {
        inHand.withLock { if isHeld { $0.insert(process) } else { $0.remove(process) } }
    }

    /// The processes that are held now.
    var held: Set<ProcessID> { inHand.withLock { $0 } }

    /// Watches a file.
    func add(_ path: String, _ kind: FileWatch.Kind) throws(SystemError) { try watch.add(path, kind) }

    /// Lets somebody go on.
    func allow(_ event: FileWatch.Event) { watch.allow(event) }

    /// Hears of those who wait, until the end; our own threads go on at once.
    ///
    /// The thread that runs this must open nothing, as it couldn't let itself go on.
    func hear() {
        while !isOver {
            guard watch.wait(milliseconds: 100), let events = try? watch.read() else { continue }
            for event in events {
                if isOver || ThreadList.isOwn(event.thread) {
                    watch.allow(event)
                    continue
                }
                entries.withLock { $0.append(Entry(event: event, since: .now)) }
                try? bell.writing.writeAll([0], name: "bell")
            }
        }
    }

    /// The one who waits longest; waits a little for one if asked to.
    func next(waiting: Bool) -> Entry? {
        if waiting {
            guard bell.reading.isReadable(milliseconds: 100) else { return nil }
        } else if entries.withLock({ $0.isEmpty }) {
            return nil
        }
        let entry = entries.withLock { $0.isEmpty ? nil : $0.removeFirst() }
        if entry != nil { bell.reading.takeByte() }
        return entry
    }
}
