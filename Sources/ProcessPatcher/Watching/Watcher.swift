import ELF
import Findings
import Linux
import LivePatch

// New processes from their first instruction. Three kinds of threads:
//
//   one hears      takes the kernel's word that somebody opens a watched file, and lets our own threads go on
//   some hold      seize the one who waits, let him open the file, lead him to the place where his dynamic linker is
//                  done, change the process there, and let him go: see StartHolder.swift, LinkerStop.swift
//   one sweeps     looks every now and then for files in new mount namespaces, and for processes that carry old code
//                  all the same: those that couldn't be held, and those that were busy before
//
// Whoever is held waits in the kernel or in a ptrace stop, and both end when we do: nothing hangs if we are killed.

/// Changes processes that start, and those that load a target later, before they run any of it.
public final class Watcher: Sendable {
    /// How it is to be done.
    public struct Options: Sendable {
        /// The longest that a start may be held.
        public var patience: Duration
        /// How often is looked for what couldn't be held.
        public var sweep: Duration
        /// Programs that are never changed.
        public var never: NeverList
        /// Files or folders with targets that would not be found by themselves.
        public var files: [String]
        /// Whether read-only data may be written over, as patches that need it say.
        public var allowData: Bool
        /// Where deferred changes are remembered, which are taken up again; nil for nowhere.
        public var records: DeferredRecords?
        /// Is told what happens, from any thread.
        public var observer: (@Sendable (WatchEvent) -> Void)?

        /// Makes options.
        public init(
            patience: Duration = .seconds(1), sweep: Duration = .seconds(1), never: NeverList = .empty,
            files: [String] = [], allowData: Bool = false, records: DeferredRecords? = nil,
            observer: (@Sendable (WatchEvent) -> Void)? = nil
        ) {
            self.patience = patience
            self.sweep = sweep
            self.never = never
            self.files = files
            self.allowData = allowData
            self.records = records
            self.observer = observer
        }
    }

    private let patches: [PatchInput]
    private let options: Options
    private let queue: StartQueue
    private let targets: Set<BuildID>

    private enum Duty { case hear, hold, sweep }

    /// Prepares; nobody is held yet.
    ///
    /// - Throws: if the kernel or the rights for holding are missing.
    public init(_ patches: [PatchInput], _ options: Options = Options()) throws(PatcherError) {
        for input in patches where input.patch.machine != .x86_64 {
            throw PatcherError(PatchFileError(.architecture(input.patch.machine), "").finding)
        }
        self.patches = patches
        self.options = options
        targets = Set(patches.flatMap { $0.patch.targets.map(\.buildID) })
        do throws(SystemError) {
            queue = try StartQueue(try FileWatch())
        } catch {
            throw PatcherError(
                Finding(
                    .watchUnavailable, "new processes can't be held: \(error.call): \(error.errno.name)",
                    evidence: ["call": error.call, "errno": error.errno.name]))
        }
    }

    /// Works until ``stop()`` is called.
    ///
    /// - Parameter isOver: asked several times a second whether it is time to end.
    public func run(until isOver: @escaping @Sendable () -> Bool = { false }) throws(PatcherError) {
        let holders = max(1, Machine.usableProcessors)
        let duties: [Duty] = [.hear] + Array(repeating: .hold, count: holders) + [.sweep]
        _ = try Workers.run(duties, threads: duties.count) { [self] duty, context -> Int? in
            switch duty {
            case .hear: queue.hear()
            case .hold: hold(context)
            case .sweep: sweep(isOver)
            }
            return nil
        }
    }

    /// Ends it from another thread; ``run()`` returns soon.
    public func stop() { queue.end() }

    // MARK: Holding

    private func hold(_ context: PatcherContext) {
        let holder = StartHolder(
            queue, context, patience: options.patience, change: { [self] in change($0, $1, $2) },
            tell: { [options] in options.observer?($0) })
        holder.run()
    }

    /// Changes a process of which a thread is held.
    private func change(_ process: ProcessID, _ context: PatcherContext, _ moment: WatchMoment) -> ProcessOutcome? {
        if let refusal = Admission(never: options.never, includesInit: true).refusal(process) { return refusal }
        var operation = ApplyOperation(
            inputs: patches, options: ProcessPatcher.ApplyOptions(allowData: options.allowData),
            deadline: MonotonicTime.now.advanced(by: .milliseconds(100)))
        operation.isHeld = true
        // Whoever has just executed a program shares its memory with nobody.
        let unit = moment == .beforeStart ? [process] : SharedSpaces.unit(of: process)
        return operation.run(unit, context)
    }

    // MARK: Sweeping

    private func sweep(_ isOver: () -> Bool) {
        var files = TargetFiles(patches, extra: options.files)
        var isFirst = true
        var told: Set<ProcessID> = []
        while !queue.isOver {
            try? files.refresh(queue)
            if isFirst { options.observer?(.ready(files: files.count)) }
            isFirst = false
            catchUp(&told)
            let end = MonotonicTime.now.advanced(by: options.sweep)
            while !queue.isOver, MonotonicTime.now < end {
                if isOver() { queue.end() }
                Nap.nanoseconds(20_000_000)
            }
        }
    }

    /// Changes who carries old code all the same.
    ///
    /// - Parameter told: who was said to be in the way already: once is enough.
    private func catchUp(_ told: inout Set<ProcessID>) {
        var scan = ProcessScan()
        guard let found = try? scan.processes(mapping: targets) else { return }
        let held = queue.held
        let open = found.filter { !held.contains($0) && needsChange($0) }
        guard !open.isEmpty else { return }
        let wanted = ProcessPatcher.ApplyOptions(
            wait: .milliseconds(200), allowData: options.allowData, never: options.never)
        guard let report = try? ProcessPatcher.apply(patches, to: .processes(open), wanted) else { return }
        for outcome in report.processes where outcome.result != .nothingToDo {
            guard outcome.result == .applied || told.insert(ProcessID(outcome.pid)).inserted else { continue }
            options.observer?(.process(outcome, .late))
        }
        options.records?.forget(report, patches)
    }

    /// Whether a process has none of the patches in any state: what was undone on purpose stays undone.
    private func needsChange(_ process: ProcessID) -> Bool {
        guard let session = try? ProcessSession(process) else { return false }
        let present = Set(session.installed.map(\.patch))
        return patches.contains { !present.contains($0.digest) }
    }
}
