import ELF
public import Findings
import FoundationEssentials
import Linux
import LivePatch

// What is applied again at the next boot.
//
//     /var/lib/tsugite/kernel/plan.json     which patches, in order, and how the boots since went
//     /var/lib/tsugite/kernel/DIGEST.tsp    the patch files, named by their SHA-256
//
// The files are written first and the plan last, each as a whole, so a power cut leaves the old plan or the new one.
// A plan only says what shall be; what is applied is read from the kernel.

/// One patch of the plan.
public struct PlannedPatch: Sendable, Equatable, Codable {
    /// SHA-256 of the patch file, lower-case hexadecimal; also its name in the store.
    public var file: String
    /// The name for people.
    public var name: String
    /// The module.
    public var module: String
    /// The kernel's release, for people.
    public var release: String
    /// The exact kernel.
    public var buildID: String
}

extension PlannedPatch {
    /// The finding of a set that isn't applied any more.
    func suspended(_ plan: KernelPlan) -> Finding {
        Finding(
            .kernelSuspended, "\(name) isn't applied at boot any more: \(plan.reason)",
            evidence: ["patch": module, "lost boots": "\(plan.lostBoots)"])
    }
}

/// What shall be applied at boot, and how the boots with it went.
public struct KernelPlan: Sendable, Equatable, Codable {
    /// How sure we are of the set.
    public enum Trust: String, Sendable, Codable {
        /// Applied in the boot of `bootID`; nobody knows yet whether the machine survives it.
        case trying
        /// The machine ran on with it, or was shut down in order.
        case confirmed
        /// The machine died with it; it isn't applied any more.
        case suspended
    }

    /// Names this form.
    public var schema = "tsugite.kernel-plan/1"
    /// In the order of applying.
    public var patches: [PlannedPatch] = []
    /// How sure we are.
    public var trust = Trust.confirmed
    /// The boot in which the set was applied last (`/proc/sys/kernel/random/boot_id`).
    public var bootID = ""
    /// Boots that ended without a word after the set was applied in them.
    public var lostBoots = 0
    /// Why it is suspended, in one sentence.
    public var reason = ""

    /// An empty plan.
    public init() {}
}

/// The folder of the plan and its files.
public struct KernelStore: Sendable {
    private let folder: String

    /// Takes another folder for tests.
    public init(_ folder: String = "/var/lib/tsugite/kernel") { self.folder = folder }

    private var planPath: String { folder + "/plan.json" }

    /// The plan; an empty one if there is none.
    public func plan() throws(KernelPatcherError) -> KernelPlan {
        let bytes: [UInt8]
        do throws(SystemError) {
            bytes = try FileSystem.read(planPath, limit: 1 << 20)
        } catch {
            if error.isGone { return KernelPlan() }
            throw KernelPatcherError(error.finding)
        }
        guard let plan = try? JSONDecoder().decode(KernelPlan.self, from: Data(bytes)) else {
            throw damaged(planPath, "it isn't a plan")
        }
        return plan
    }

    /// Writes the plan.
    public func write(_ plan: KernelPlan) throws(KernelPatcherError) {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.prettyPrinted, .sortedKeys]
        guard let data = try? encoder.encode(plan) else { throw damaged(planPath, "it can't be written") }
        try system { () throws(SystemError) in
            try FileSystem.makeDirectory(folder, mode: 0o700)
            try FileSystem.replace(planPath, with: Array(data) + [0x0a], mode: 0o600)
        }
    }

    /// Keeps a patch that was applied in this boot; a replacing one takes the place of all others
    /// for the same kernel.
    public func keep(_ file: KernelPatchFile, bootID: String) throws(KernelPatcherError) {
        let patch = file.patch
        try system { () throws(SystemError) in
            try FileSystem.makeDirectory(folder, mode: 0o700)
            try FileSystem.replace("\(folder)/\(file.id).tsp", with: file.bytes, mode: 0o600)
        }
        var plan = try plan()
        plan.patches.removeAll {
            $0.buildID == patch.buildID.description && (patch.replaces || $0.module == patch.module)
        }
        plan.patches.append(
            PlannedPatch(
                file: file.id.description, name: patch.name, module: patch.module, release: patch.release,
                buildID: patch.buildID.description))
        plan.trust = .trying
        plan.bootID = bootID
        plan.lostBoots = 0
        plan.reason = ""
        try write(plan)
        try removeUnused(plan)
    }

    /// Drops a patch from the plan; answers whether it was there.
    @discardableResult
    public func drop(module: String) throws(KernelPatcherError) -> Bool {
        var plan = try plan()
        let count = plan.patches.count
        plan.patches.removeAll { $0.module == module }
        guard plan.patches.count != count else { return false }
        if plan.patches.isEmpty { plan = KernelPlan() }
        try write(plan)
        try removeUnused(plan)
        return true
    }

    /// Why the set isn't applied at boot any more; `nil` if it is.
    public func suspension() throws(KernelPatcherError) -> Finding? {
        let plan = try plan()
        guard plan.trust == .suspended, let first = plan.patches.first else { return nil }
        return first.suspended(plan)
    }

    /// Lets a suspended set be tried again.
    public func resume() throws(KernelPatcherError) {
        var plan = try plan()
        guard plan.trust == .suspended else { return }
        plan.trust = .confirmed
        plan.lostBoots = 0
        plan.reason = ""
        try write(plan)
    }

    /// Reads a planned patch's file, and checks that it is still the one.
    public func file(_ planned: PlannedPatch) throws(KernelPatcherError) -> KernelPatchFile {
        let path = "\(folder)/\(planned.file).tsp"
        let bytes = try system { () throws(SystemError) in
            try FileSystem.read(path, limit: LivePatch.Limits.fileSize)
        }
        guard Digest(of: bytes).description == planned.file else { throw damaged(path, "its bytes changed") }
        do throws(PatchFileError) {
            return try KernelPatchFile(bytes)
        } catch {
            throw KernelPatcherError(error.finding)
        }
    }

    private func removeUnused(_ plan: KernelPlan) throws(KernelPatcherError) {
        let wanted = Set(plan.patches.map { $0.file + ".tsp" })
        try system { () throws(SystemError) in
            for entry in try Directory.entries(of: folder) where entry.name.hasSuffix(".tsp") {
                if !wanted.contains(entry.name) { try FileSystem.remove("\(folder)/\(entry.name)") }
            }
        }
    }

    private func damaged(_ path: String, _ what: String) -> KernelPatcherError {
        KernelPatcherError(Finding(.kernelStore, "\(path) can't be used: \(what)", evidence: ["file": path]))
    }
}
