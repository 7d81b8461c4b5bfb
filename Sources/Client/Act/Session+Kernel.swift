import KernelPatcher
import Linux
import ProcessPatcher

// Updates for the kernel. One file of an update is for the kernel that runs, or none is: a machine that was booted
// with another kernel leaves the update alone, and finds it again when it is booted back.
//
// What the next boot applies is kept by the kernel's own replay, which runs before this client's and watches how the
// boots with it end. An update on trial isn't kept; accepting it does that.

extension Session {
    /// Which of the installed updates' files are in effect in the running kernel, by digest.
    func kernelMemory(_ state: ClientState) -> Set<String> {
        let patches = PatchStore(store.paths)
        let files = state.installed.filter(\.isKernel).flatMap(\.patches).map(\.sha256)
        return Set(files.filter { (try? kernel.isInEffect(patches.path($0))) == true })
    }

    /// Applies an update to the running kernel.
    func installInKernel(_ update: InstalledUpdate, isTrial: Bool) throws(ClientError) -> [KernelReport] {
        let files = PatchStore(store.paths)
        var reports: [KernelReport] = []
        for patch in try forRunningKernel(update) {
            guard files.has(patch) else { throw missing(update, files.path(patch.sha256)) }
            let path = files.path(patch.sha256)
            let report = try kernel.apply(path, replaces: !update.supersedes.isEmpty, wait: wait)
            reports.append(report)
            let isIn = report.result == .applied || report.result == .nothingToDo
            if isIn, !isTrial { try kernel.keep(path) }
        }
        return reports
    }

    /// Takes an update out of the running kernel.
    func removeFromKernel(_ update: InstalledUpdate) throws(ClientError) -> [KernelReport] {
        let files = PatchStore(store.paths)
        var reports: [KernelReport] = []
        for patch in update.patches {
            reports.append(try kernel.undo(patch.sha256, file: files.path(patch.sha256), wait: wait))
        }
        return reports
    }

    /// Has the next boot apply an accepted update.
    func keepForBoot(_ update: InstalledUpdate) throws(ClientError) {
        let files = PatchStore(store.paths)
        for patch in try forRunningKernel(update) { try kernel.keep(files.path(patch.sha256)) }
    }

    /// The files of an update that are for the kernel that runs: one or none.
    private func forRunningKernel(_ update: InstalledUpdate) throws(ClientError) -> [InstalledUpdate.Patch] {
        let running = try asClient { () throws(SystemError) in try KernelIdentity.current() }.buildID
        return update.patches.filter { $0.buildID == running }
    }
}
