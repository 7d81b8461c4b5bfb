import Linux

/// Follows the kernel's log for errors in code of live patches.
public struct KernelWatch: Sendable {
    private let patcher: KernelPatcher
    /// In milliseconds.
    private static let silence: Int32 = 2_000

    /// Watches this machine's kernel.
    public init(_ patcher: KernelPatcher = KernelPatcher()) { self.patcher = patcher }

    /// Reports each error once, also those from before; never returns unless told so.
    /// - Parameters:
    ///   - undoes: the policy: whether the live patch is taken out at once.
    ///   - report: called for each error, with the undo's report if one was made; false ends watching.
    public func run(
        undoes: Bool, _ report: (KernelOops, KernelReport?) -> Bool
    ) throws(KernelPatcherError) {
        let path = "/dev/kmsg"
        let file: OwnedDescriptor
        do throws(SystemError) {
            file = try OwnedDescriptor.open(path)
        } catch {
            throw KernelPatcherError(error.finding)
        }
        var buffer = [UInt8](repeating: 0, count: 16 << 10)
        var log = ""
        while true {
            do throws(SystemError) {
                let count = try file.readSome(into: &buffer, name: path)
                log += String(decoding: buffer[..<count], as: UTF8.self)
            } catch {
                // Records were overwritten before they were read; the rest follows.
                guard error.errno.name == "EPIPE" else { throw KernelPatcherError(error.finding) }
                continue
            }
            // All that is there is read first: a later line may say that the patch is another one by now.
            let isFull = log.utf8.count > 1 << 20
            if !isFull, file.isReadable(milliseconds: 0) { continue }
            guard KernelOops.mayBe(in: log) else {
                log = ""
                continue
            }
            // An error is whole when its end was printed, or, as some have none, when nothing follows.
            let isWhole = isFull || log.contains("---[ end trace")
            if !isWhole, file.isReadable(milliseconds: Self.silence) { continue }
            for oops in KernelOops.find(in: log) {
                guard report(oops, try undoes ? undo(oops) : nil) else { return }
            }
            log = ""
        }
    }

    private func undo(_ oops: KernelOops) throws(KernelPatcherError) -> KernelReport? {
        // What others have applied, others undo.
        guard let module = oops.modules.first,
            try patcher.patches().first(where: { $0.module == module })?.description != nil
        else { return nil }
        return try patcher.undo(module, KernelPatcher.Options(deadline: .seconds(60)))
    }
}
