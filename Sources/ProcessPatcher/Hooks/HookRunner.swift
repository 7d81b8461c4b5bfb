import Findings
import Linux
import LivePatch

// Running what a patch's author wrote, outside the stop: on a borrowed thread, while all others go on.
//
// A thread is interrupted anywhere, perhaps with a lock of the C library in hand, so hooks may do only what signal
// handlers may. A hook that doesn't come back in time, or crashes, has failed; the thread goes on where it was.

/// Why a hook stands in the way.
struct HookFailure: Equatable {
    /// Which hook.
    var hook: InstalledPatch.Hook
    /// What it said, or what became of it.
    var reason: String

    func finding(_ process: ProcessID, _ what: String) -> Finding {
        Finding(
            .processHook, "the \(hook.kind.name) hook \(hook.name) refused: \(reason)",
            evidence: ["pid": "\(process)", "hook": hook.name, "kind": hook.kind.name, "so": what])
    }
}

/// The record in the process: `struct tsugite_hook` of tsugite-patch.h.
enum HookRecord {
    /// `void (*run)(struct tsugite_hook *)`.
    static let run: UInt64 = 0
    /// `struct tsugite_shadow_table *table`, of the root of shadow variables.
    static let table: UInt64 = 8
    /// `int result`.
    static let result: UInt64 = 16
    /// `char reason[108]`.
    static let reason: UInt64 = 20

    /// What stands in `result` until the hook has come back.
    static let unfinished: [UInt8] = [0xff, 0xff, 0xff, 0x7f]
    /// What stands there from the beginning of a transaction until the hook is run.
    static let notBegun: [UInt8] = [0xfe, 0xff, 0xff, 0x7f]

    /// Notes that a hook has yet to run, for whoever may have to take the transaction back.
    static func reset(_ hook: InstalledPatch.Hook, _ memory: ProcessMemory) throws(SystemError) {
        guard let result = hook.record.adding(result) else { return }
        try memory.remote.write(notBegun, at: result)
    }

    /// Whether a hook has run, or begun to, since the transaction began; true if that can't be said.
    static func hasBegun(_ hook: InstalledPatch.Hook, _ memory: ProcessMemory) -> Bool {
        guard let place = hook.record.adding(result), let bytes = try? memory.bytes(place, 4) else { return true }
        return Array(bytes) != notBegun
    }

    /// Prepares a record for a run; answers the function to call.
    static func begin(_ hook: InstalledPatch.Hook, _ memory: ProcessMemory) throws(SystemError) -> RemoteAddress {
        guard let result = hook.record.adding(result), let reason = hook.record.adding(reason) else {
            throw SystemError(call: "hook", errno: .badAddress, object: hook.name)
        }
        try memory.remote.write(unfinished, at: result)
        try memory.remote.write([0], at: reason)
        return RemoteAddress(try memory.remote.word(at: hook.record))
    }

    /// Why a hook that was run refuses; nil if it doesn't.
    static func end(_ hook: InstalledPatch.Hook, returned: Bool, _ memory: ProcessMemory) -> HookFailure? {
        guard returned, let place = hook.record.adding(result), let bytes = try? memory.bytes(place, 112) else {
            return HookFailure(hook: hook, reason: "it crashed, or didn't return in time")
        }
        if Array(bytes[..<4]) == unfinished { return HookFailure(hook: hook, reason: "it didn't return") }
        if bytes[..<4].allSatisfy({ $0 == 0 }) { return nil }
        var code: UInt32 = 0
        for byte in bytes[..<4].reversed() { code = code << 8 | UInt32(byte) }
        let text = String(decoding: bytes[4...].prefix { $0 != 0 }, as: UTF8.self)
        let shown = text.filter { $0.isASCII && !$0.isNewline && ($0.asciiValue ?? 0) >= 32 }
        return HookFailure(hook: hook, reason: shown.isEmpty ? "it answered \(Int32(bitPattern: code))" : shown)
    }
}

/// Runs hooks outside the stop.
struct HookRunner {
    let session: ProcessSession
    let context: PatcherContext

    private static let limit = Duration.seconds(5)

    /// Runs all hooks of a kind, in order, up to the first that refuses.
    func run(_ kind: PatchHook.Kind, of images: [InstalledPatch]) throws(PatcherError) -> HookFailure? {
        for image in images {
            for hook in image.hooks where hook.kind == kind {
                if let failure = try run(hook) { return failure }
            }
        }
        return nil
    }

    private func run(_ hook: InstalledPatch.Hook) throws(PatcherError) -> HookFailure? {
        let function = try onProcess(session.process) { () throws(SystemError) in
            try HookRecord.begin(hook, session.memory)
        }
        let returned = try call(function, hook)
        return HookRecord.end(hook, returned: returned, session.memory)
    }

    private func call(_ function: RemoteAddress, _ hook: InstalledPatch.Hook) throws(PatcherError) -> Bool {
        guard session.installed.contains(where: { $0.code.contains(function) }) else {
            throw PatcherError(
                Finding(
                    .processHeader, "the record of the hook \(hook.name) leads out of the patch's code",
                    evidence: ["pid": "\(session.process)", "hook": hook.name]))
        }
        var borrowed = try context.borrow(session)
        do throws(SystemError) {
            let returned = try borrowed.callFunction(
                function, [hook.record.rawValue, 0, 0], within: Self.limit, session.memory.remote)
            try borrowed.giveBack()
            return returned
        } catch {
            throw PatcherError(error, session.process)
        }
    }

    // MARK: Shadow variables

    /// The table of shadow variables that an earlier patch has begun; 0 if there is none.
    func sharedTable() -> UInt64 {
        for hook in session.installed.flatMap(\.hooks) where hook.kind == .shadow {
            if let place = hook.record.adding(HookRecord.table),
                let table = try? session.memory.remote.word(at: place),
                table != 0
            {
                return table
            }
        }
        return 0
    }

    /// Gives all images one table; has the first image make it if there was none.
    func share(_ table: UInt64, _ images: [InstalledPatch]) throws(PatcherError) {
        let roots = images.flatMap(\.hooks).filter { $0.kind == .shadow }
        guard let first = roots.first else { return }
        var table = table
        do throws(SystemError) {
            if table == 0 {
                let function = RemoteAddress(try session.memory.remote.word(at: first.record))
                do throws(PatcherError) {
                    _ = try call(function, first)
                } catch {
                    throw SystemError(call: "shadow", errno: .noMemory, object: first.name)
                }
                table = sharedTable()
            }
            guard table != 0 else { throw SystemError(call: "mmap", errno: .noMemory, object: "shadow variables") }
            for root in roots {
                guard let place = root.record.adding(HookRecord.table) else { continue }
                try session.memory.remote.write(word: table, at: place)
            }
        } catch {
            throw PatcherError(error, session.process)
        }
    }
}
