import ELF
import Findings
import Linux
import LivePatch

/// What applying some patches to one process will take: decided from what the process has now, nothing changed.
struct ApplyPlan {
    /// Images to be put in, without places yet.
    var images: [PlannedImage] = []
    /// Images that are replaced in the same step.
    var retiring: [InstalledPatch] = []
    /// Patches that the process carries already, or whose changes a newer one includes.
    var present: [String] = []
}

/// Decides what to do in one process; the rules of replacing and coexisting are here.
///
/// - A patch whose changes include all of another's replaces it, whether or not they touch the same functions.
/// - A patch whose changes are all in an applied one is there already.
/// - Patches that replace different functions live side by side.
/// - Two patches that replace the same function, and neither covers the other, don't go together unless `--replace`
///   says that the older one goes.
struct ApplyPlanner {
    let session: ProcessSession
    let allowReplace: Bool
    let allowData: Bool
    /// Whether the dynamic linker is known to be done, whatever its list says.
    var trustsLinker = false
    private var plan = ApplyPlan()

    init(_ session: ProcessSession, allowReplace: Bool, allowData: Bool = false) {
        self.session = session
        self.allowReplace = allowReplace
        self.allowData = allowData
    }

    /// Plans all patches of an operation.
    /// - Throws: a finding if they can't be applied to this process.
    mutating func plan(_ inputs: [PatchInput]) throws(PatcherError) -> ApplyPlan {
        for input in inputs { try add(input) }
        try checkOverlaps()
        return plan
    }

    private var active: [InstalledPatch] { session.installed.filter { $0.state == .committed } }

    private mutating func add(_ input: PatchInput) throws(PatcherError) {
        let targets = input.patch.targets.flatMap { target in
            session.modules(with: target.buildID).map { (target, $0) }
        }
        if targets.isEmpty { return }
        let newer = active.first {
            $0.patch != input.digest && Set($0.changes).isSuperset(of: input.patch.changes)
                && !input.patch.covers($0.changes)
        }
        if let newer, !allowReplace {
            plan.present.append("\(input.patch.name) (included in \(newer.name))")
            return
        }
        var missing = false
        for (target, module) in targets where !isPresent(input, module) {
            missing = true
            plan.images.append(try image(input, target, module))
        }
        guard missing else {
            plan.present.append(input.patch.name)
            return
        }
        try retire(for: input)
    }

    private func isPresent(_ input: PatchInput, _ module: LoadedModule) -> Bool {
        active.contains {
            $0.patch == input.digest && $0.bias == module.bias && $0.target == module.buildID
        }
    }

    /// Finds the applied patches that this one takes the place of.
    private mutating func retire(for input: PatchInput) throws(PatcherError) {
        for old in active where old.patch != input.digest && !plan.retiring.contains(old) {
            if input.patch.covers(old.changes) {
                plan.retiring.append(old)
            } else if overlaps(old, input) || Set(old.changes).isSuperset(of: input.patch.changes) {
                guard allowReplace else { throw overlap(input.patch.name, old.name, shared(old, input)) }
                plan.retiring += active.filter { $0.patch == old.patch && !plan.retiring.contains($0) }
            }
        }
    }

    private func overlaps(_ old: InstalledPatch, _ input: PatchInput) -> Bool { !shared(old, input).isEmpty }

    /// The functions that both an applied patch and a new one replace.
    private func shared(_ old: InstalledPatch, _ input: PatchInput) -> [String] {
        plan.images.filter { $0.input.digest == input.digest }.flatMap { image in
            image.target.functions.filter { function in
                let range = RemoteRange(
                    start: RemoteAddress(image.bias &+ function.address), count: UInt64(function.original.count))
                return old.functions.contains { $0.old.overlaps(range) }
            }.map(\.name)
        }
    }

    private func overlap(_ new: String, _ old: String, _ functions: [String]) -> PatcherError {
        PatcherError(
            Finding(
                .processOverlap, "\(new) and \(old), which is applied, replace the same functions",
                evidence: [
                    "pid": "\(session.process)", "patch": new, "applied": old,
                    "functions": functions.joined(separator: ", "),
                ]))
    }

    /// Two patches of one operation must not replace the same function either.
    private func checkOverlaps() throws(PatcherError) {
        var owners: [(range: RemoteRange, input: PatchInput, name: String)] = []
        for image in plan.images {
            for function in image.target.functions {
                let range = RemoteRange(
                    start: RemoteAddress(image.bias &+ function.address), count: UInt64(function.original.count))
                let other = owners.first { $0.input.digest != image.input.digest && $0.range.overlaps(range) }
                if let other { throw overlap(image.input.patch.name, other.input.patch.name, [function.name]) }
                owners.append((range, image.input, function.name))
            }
        }
    }

    // MARK: One image

    private func image(
        _ input: PatchInput, _ target: PatchTarget, _ module: LoadedModule
    ) throws(PatcherError) -> PlannedImage {
        guard allowData || target.dataWrites.isEmpty else { throw dataNotAllowed(input, target) }
        if !trustsLinker { try SearchOrder.checkReady(module, session) }
        let size = try PlannedImage.headerSize(input, target)
        var resolver = ExternalResolver(session, module)
        let externals = try resolver.resolve(target, input.patch.object)
        let registrar = FrameRegistrar.function(in: session)
        if registrar == nil, FrameRegistrar.isNeeded(by: target, input.patch.object) {
            throw FrameRegistrar.missing(session, target)
        }
        let reused = session.installed.first {
            $0.state == .undone && $0.patch == input.digest && $0.bias == module.bias
        }
        return PlannedImage(
            input: input, target: target, module: module,
            layout: ImageLayout(
                input.patch.object, target, headerSize: size, registers: registrar != nil), externals: externals,
            threadBlock: try resolver.threadBlock(target), reused: reused)
    }

    private func dataNotAllowed(_ input: PatchInput, _ target: PatchTarget) -> PatcherError {
        PatcherError(
            Finding(
                .processData, "\(input.patch.name) writes over read-only data of \(target.name)",
                evidence: [
                    "pid": "\(session.process)", "target": target.name,
                    "data": target.dataWrites.map { "\($0.name) (\($0.original.count) bytes)" }.uniqued()
                        .joined(separator: ", "),
                ]))
    }
}
