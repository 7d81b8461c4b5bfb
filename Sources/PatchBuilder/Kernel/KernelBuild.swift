// From a diff to a live patch for a distributor's shipped kernel:
//
//     stabilise   apply the diff to the texts, keep `__LINE__`                    StabilisedDiff
//     reach       which sources of this kernel it concerns                        KernelReach
//     compile     plain, pre and post objects of each                             KernelCompiler
//     prove       the plain objects are what the image is made of                 KernelPlacer
//     compare     what differs between pre and post                               ObjectComparison
//     close       what has to come along, what stands in the way                  KernelClosure
//     write       the module                                                      KernelModuleWriter
//
// Everything that can be wrong is found here, on the build machine; the running kernel is asked once more before
// the patch is applied, by the bytes that the description in the patch file lists.

import ELF
import Findings
import KernelImage
import Linux
package import LivePatch

/// What came out.
package struct KernelBuildResult: Sendable {
    /// The patch file: a kernel module with a description of its own.
    package var file: [UInt8]
    /// What it replaces.
    package var patch: KernelPatch
    /// What was done and why, a line each.
    package var notes: [String]
    /// How long each stage took, in seconds.
    package var seconds: [String: Double] = [:]
}

/// What a live patch is called, and what it claims.
package struct KernelPatchLabel: Sendable, Equatable {
    /// The name for people; the module's name is made from it.
    package var name: String
    /// Whether it takes the place of all other live patches.
    package var replaces: Bool
    /// Advisories that it answers.
    package var advisories: [String]
    /// The version whose fixes are all in memory with it; empty if it holds single fixes.
    package var effective: String
    /// The key that signs the module, if any.
    package var signature: KernelSignature?

    /// Makes a label.
    package init(
        name: String, replaces: Bool = true, advisories: [String] = [], effective: String = "",
        signature: KernelSignature? = nil
    ) {
        self.name = name
        self.replaces = replaces
        self.advisories = advisories
        self.effective = effective
        self.signature = signature
    }
}

/// Builds live patches for one kernel; what was read of it is kept for the next.
package struct KernelBuilder: Sendable {
    let package_: KernelPackage
    private let tree: KernelTree
    let kernel: KernelBinary
    let types: BTF
    let sites: SiteMap
    let entries: Set<UInt64>
    let exports: ExportTable
    let sample: ModuleFile
    private let work: String
    /// Where the prepared tree has its tools.
    var toolFolder: String { tree.build }
    private let jobs: Int
    private let report: @Sendable (String) -> Void

    /// Reads the kernel and makes its source ready.
    package init(
        _ package: KernelPackage, work: String, jobs: Int = 2,
        report: @escaping @Sendable (String) -> Void = { _ in }
    ) throws(BuildError) {
        self.report = report
        package_ = package
        self.work = work
        self.jobs = jobs
        report("preparing \(package.release)")
        let lock = try KernelLock.wait(work)
        tree = try KernelTree.open(package, folder: "\(work)/kernels/\(package.release)", jobs: jobs)
        lock.release()
        let symvers = String(decoding: try WorkFolder.read(package.symvers), as: UTF8.self)
        let samplePath = try Self.samplePath(package)
        do throws(KernelImageError) {
            kernel = try KernelBinary(reading: package.bootImage)
            types = try kernel.types()
            sites = try SiteMap(of: kernel, types: types)
            entries = Set(try SiteTable.functionEntries.sites(in: kernel, types: types).map(\.address))
            exports = try ExportTable(symvers: symvers)
            sample = try ModuleFile(reading: samplePath)
        } catch {
            throw BuildError(error)
        }
    }

    /// Any module of the kernel that has a start and an end.
    private static func samplePath(_ package: KernelPackage) throws(BuildError) -> String {
        for name in ["8021q", "loop", "dm_mod", "veth", "tun", "nbd"] {
            if let path = try package.moduleFile(name) { return path }
        }
        throw BuildError(
            .kernelSource, "no module of the kernel was found", evidence: ["folder": package.modules],
            remedy: "Unpack the whole image package; a module shows how modules of this kernel look.")
    }

    /// Builds one live patch.
    package func build(_ patches: [String], _ label: KernelPatchLabel) throws(BuildError) -> KernelBuildResult {
        let lock = try KernelLock.wait(work)
        let result = try buildAlone(patches, label)
        lock.release()
        return result
    }

    private func buildAlone(_ patches: [String], _ label: KernelPatchLabel) throws(BuildError) -> KernelBuildResult
    {
        let name = label.name
        let folder = "\(work)/kernel-patches/\(name)"
        try WorkFolder.make(folder)
        let source = package_.source
        let diff = try Stabilisation(
            tree: BuildTree(seen: source, copy: source), source: source, folder: folder
        ).run(patches)
        var clock = StageClock()
        report("searching what the diff reaches")
        let reach = try KernelReach(source: source, cache: tree.folder).find(diff)
        clock.end("reach")
        let compiled = try compile(reach, diff, folder + "/objects", &clock)
        report("proving and comparing")
        var (units, unused) = try prove(compiled.units)
        unused += compiled.unused
        clock.end("prove")
        let closure = try close(&units, diff, folder + "/tested", &clock)
        guard !closure.replaced.isEmpty else { throw nothing(closure, unused) }
        let changes = try patches.map { (path) throws(BuildError) in Digest(of: try WorkFolder.read(path)) }
        var result = try emit(
            closure, label, changes, diff: try WorkFolder.read(diff.diffFile), notes: reach.notes + unused)
        clock.end("write")
        result.seconds = clock.seconds
        return result
    }

    private func compile(
        _ reach: KernelReach.Result, _ diff: StabilisedDiff, _ folder: String, _ clock: inout StageClock
    ) throws(BuildError) -> (units: [KernelUnit], unused: [String]) {
        let count = reach.sources.count
        report("compiling \(count) file\(count == 1 ? "" : "s") before and after the diff")
        let compiled = try KernelCompiler(tree: tree, folder: folder, jobs: jobs).compile(reach.sources, diff)
        clock.end("compile")
        // A changed structure is the usual reason for a diff that reaches everything; it is the better answer.
        if let tooWide = reach.tooWide {
            for unit in compiled.units { try LayoutCheck(pre: unit.pre, post: unit.post, unit: unit.source).run() }
            throw tooWide
        }
        return compiled
    }

    /// Closes over what changed; files with jump labels that can't come along are compiled once more, with tests.
    private func close(
        _ units: inout [KernelPatchUnit], _ diff: StabilisedDiff, _ folder: String, _ clock: inout StageClock
    ) throws(BuildError) -> KernelClosure {
        let resolver = KernelResolver(kernel: kernel.symbols, exports: exports, tables: try KernelTable.all(types))
        var closure = KernelClosure(units, resolver)
        closure.run()
        if !closure.foreignKeys.isEmpty {
            let keys = closure.foreignKeys
            report("compiling again with tests of \(keys.values.reduce(0) { $0 + $1.count }) keys of modules")
            let again = try KernelCompiler(tree: tree, folder: folder, jobs: jobs).compile(
                keys.keys.sorted(), diff, keysAreTested: true
            ).units
            clock.end("compile")
            let tested = try prove(again).units
            clock.end("prove")
            units = units.map { unit in tested.first { $0.name == unit.name } ?? unit }
            closure = KernelClosure(units, resolver)
            closure.run()
            for (unit, names) in keys.sorted(by: { $0.key < $1.key }) {
                closure.notes.append(
                    "\(unit): \(names.sorted().joined(separator: ", ")) tested instead of jump labels")
            }
        }
        if let refusal = closure.refusals.first {
            throw closure.refusals.count == 1 ? refusal : refusal.adding("refusals", "\(closure.refusals.count)")
        }
        return closure
    }

    private func nothing(_ closure: KernelClosure, _ unused: [String]) -> BuildError {
        let isInit = closure.notes.contains { $0.contains("runs only when") }
        return BuildError(
            isInit ? .kernelRefused : .kernelNothing,
            isInit
                ? "the fix changes only code that runs when the kernel or a module starts or ends"
                : "the fix changes no code that this kernel runs",
            evidence: ["notes": (closure.notes + unused).joined(separator: "; ")])
    }
}

// MARK: - prove and compare

extension KernelBuilder {
    private func prove(_ compiled: [KernelUnit]) throws(BuildError) -> (units: [KernelPatchUnit], unused: [String])
    {
        var units: [KernelPatchUnit] = []
        var unused: [String] = []
        var modules: [String: (ModuleImage, Set<UInt64>)] = [:]
        for unit in compiled {
            let comparison = ObjectComparison(pre: try Self.read(unit.pre), post: try Self.read(unit.post))
            if comparison.isSame { continue }
            var object: any KernelObject = kernel
            var entries = entries
            if let name = unit.module {
                let known = modules[name]
                guard let found = known == nil ? try module(name) : known else {
                    unused.append("\(unit.source): this kernel has no module \(name)")
                    continue
                }
                modules[name] = found
                (object, entries) = found
            }
            let plain = try Self.read(unit.plain)
            let placement = KernelPlacer.place(plain, unit: unit.source, in: object)
            let functions = plain.entities.count { $0.kind == .function }
            if placement.proven == 0, functions > 0 {
                unused.append("\(unit.source) isn't part of this kernel")
                continue
            }
            try LayoutCheck(pre: unit.pre, post: unit.post, unit: unit.source).run()
            units.append(
                KernelPatchUnit(
                    name: unit.source, comparison: comparison, plain: plain, placement: placement, object: object,
                    entries: entries))
        }
        return (units, unused)
    }

    private static func read(_ path: String) throws(BuildError) -> ObjectModel {
        let bytes = try WorkFolder.read(path)
        do throws(ELFError) {
            return try ObjectModel(try ELFFile(ByteView(bytes)), name: path).withSiblingReferences()
        } catch {
            throw BuildError(error.finding).adding("object", path)
        }
    }

    private func module(_ name: String) throws(BuildError) -> (ModuleImage, Set<UInt64>)? {
        guard let path = try package_.moduleFile(name) else { return nil }
        do throws(KernelImageError) {
            let image = try ModuleImage(try ModuleFile(reading: path), kernel: kernel.symbols)
            let entries = try SiteTable.functionEntries.sites(in: image, types: types)
            return (image, Set(entries.map(\.address)))
        } catch {
            throw BuildError(error)
        }
    }
}
