import ELF
import Findings
import FoundationEssentials
import Linux
package import LivePatch

// The stages behind *compile twice*, on real files: prove, compare, explain, resolve, package. Each leaves its
// report in the work folder. They take well under a second together, so unlike the front stages they are
// always run again; what they report is therefore never stale.

/// What the front stages hand over.
package struct BackStages: Sendable {
    /// What was asked for.
    package var request: BuildRequest
    /// Result of *reproduce*.
    package var build: ReproducedBuild
    /// Result of *stabilise*.
    package var diff: StabilisedDiff
    /// Result of *compile twice*.
    package var pairs: CompiledPairs
    /// The patch's name.
    package var name: String
    /// Advisories that the author named.
    package var advisories: [String]
    /// Where reports go, and under which key.
    package var store: StageStore
    /// See ``StageStore``.
    package var key: String
    /// Receives progress.
    package var report: ProgressReport
    /// The source package, if there is one.
    package var origin: PackageOrigin?

    /// Takes the front stages' results.
    package init(
        request: BuildRequest, build: ReproducedBuild, diff: StabilisedDiff, pairs: CompiledPairs, name: String,
        advisories: [String] = [], store: StageStore, key: String, report: @escaping ProgressReport = { _ in }
    ) {
        self.request = request
        self.build = build
        self.diff = diff
        self.pairs = pairs
        self.name = name
        self.advisories = advisories
        self.store = store
        self.key = key
        self.report = report
    }

    /// What came out, with the explanation.
    package struct Result {
        /// The patch, nothing, or refusals.
        package var outcome: BuildOutcome
        /// What there is to explain, whatever the outcome.
        package var manifest: Manifest
    }

    /// Runs the stages; writes nothing but reports.
    package func run() throws(BuildError) -> Result {
        do throws(ELFError) {
            let resolved = try stages()
            guard let patches = resolved.patches else { return resolved.result }
            report(BuildProgress(.package, "writing the patch", fraction: 0))
            let outcome = try PatchAssembly.join(
                identity(name), patches, manifest: Self.json(resolved.result.manifest))
            guard case .patch(let patch) = outcome else {
                return Result(outcome: outcome, manifest: resolved.result.manifest)
            }
            return Result(outcome: .patch(withProvenance(patch)), manifest: resolved.result.manifest)
        } catch let error {
            throw BuildError(error.finding)
        }
    }

    /// Runs the stages for a package: one patch for each target that changes, all of them or none.
    package func runEach() throws(BuildError) -> (whole: Result, patches: [(LivePatch, Manifest)]) {
        do throws(ELFError) {
            let resolved = try stages()
            guard let patches = resolved.patches else { return (resolved.result, []) }
            let refusals = patches.flatMap(\.refusals)
            guard refusals.isEmpty else {
                return (Result(outcome: .refused(refusals.unique), manifest: resolved.result.manifest), [])
            }
            report(BuildProgress(.package, "writing the patches", fraction: 0))
            var made: [(LivePatch, Manifest)] = []
            let counts = Dictionary(patches.filter { !$0.isEmpty }.map { ($0.input.name, 1) }, uniquingKeysWith: +)
            for patch in patches where !patch.isEmpty {
                var manifest = manifest([patch])
                // Flavours of a program in several packages have one name; their build-ids differ.
                let flavour =
                    counts[patch.input.name, default: 1] > 1
                    ? "." + (manifest.targets.first?.buildID.prefix(8) ?? "") : ""
                manifest.name = "\(name).\(patch.input.name)\(flavour)"
                let outcome = try PatchAssembly.join(
                    identity(manifest.name), [patch], manifest: Self.json(manifest))
                switch outcome {
                case .patch(let patch): made.append((withProvenance(patch), manifest))
                case .nothingToDo: continue
                case .refused(let errors):
                    return (Result(outcome: .refused(errors), manifest: resolved.result.manifest), [])
                }
            }
            return (Result(outcome: .nothingToDo, manifest: resolved.result.manifest), made)
        } catch let error {
            throw BuildError(error.finding)
        }
    }

    /// Adds the changed functions of all units to a reviewer's page.
    package func review(_ page: inout ReviewPage) throws(BuildError) {
        do throws(ELFError) {
            for (pair, comparison) in zip(pairs.pairs, try compare()) where !comparison.isSame {
                let unit = PatchUnit(
                    name: pair.unit, comparison: comparison,
                    placement: UnitPlacement(group: nil, addresses: []))
                page.add(unit, prePath: pair.pre, postPath: pair.post)
            }
        } catch let error {
            throw BuildError(error.finding)
        }
    }

    private func identity(_ name: String) -> PatchIdentity {
        PatchIdentity(name: name, changes: changes, diff: diffBytes)
    }

    /// What the stages in front of *package* come to; no patches if a target couldn't be proven.
    private func stages() throws(ELFError) -> (result: Result, patches: [TargetPatch]?) {
        report(BuildProgress(.prove, "comparing with the shipped files", fraction: 0))
        var proven: [(match: TargetMatch, target: ProvenTarget)] = []
        var failures: [BuildError] = []
        for match in pairs.targets {
            do throws(BuildError) {
                proven.append((match, try prove(match)))
            } catch {
                failures.append(error)
            }
        }
        save(ProveReport(targets: proven.map(reportOf)), .prove)
        guard failures.isEmpty else { return (refused(failures, proven), nil) }

        report(BuildProgress(.compare, "comparing \(pairs.pairs.count) translation units", fraction: 0))
        let comparisons = try compare()
        save(CompareReport(units: zip(pairs.pairs, comparisons).map { .init($0.unit, $1) }), .compare)

        report(BuildProgress(.resolve, "finding what the new code needs", fraction: 0))
        var patches: [TargetPatch] = []
        for (match, target) in proven { patches.append(try resolve(match, target, comparisons)) }
        save(ResolveReport(targets: patches.map(reportOf)), .resolve)

        report(BuildProgress(.explain, "finding out why", fraction: 0))
        let manifest = manifest(patches)
        save(manifest, .explain)
        return (Result(outcome: .nothingToDo, manifest: manifest), patches)
    }

    private func refused(_ failures: [BuildError], _ proven: [(match: TargetMatch, target: ProvenTarget)]) -> Result
    {
        Result(outcome: .refused(failures.unique), manifest: manifest([]))
    }

    /// A report that can't be written is no reason to fail: the patch itself is what matters.
    private func save(_ value: some Codable, _ stage: BuildStage) { try? store.save(value, stage, key: key) }

    private var diffBytes: [UInt8] { (try? FileSystem.read(diff.diffFile)) ?? [] }

    /// Digest of each diff given, in order.
    var changes: [Digest] {
        let bytes = request.patches.compactMap { try? FileSystem.read($0) }
        return (bytes.count == request.patches.count && !bytes.isEmpty ? bytes : [diffBytes]).map { Digest(of: $0) }
    }

    static func json(_ manifest: Manifest) -> [UInt8] {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
        // Strings and numbers only: encoding them can't fail.
        return (try? encoder.encode(manifest)).map { Array($0) + [0x0a] } ?? []
    }
}

// MARK: - Stages

extension BackStages {
    private func open(_ path: String) throws(BuildError) -> ELFFile {
        do {
            return try ELFFile(ByteStorage(mapping: path))
        } catch let error as any DiagnosableError {
            var finding = error.finding
            finding.evidence.append(Finding.Evidence("file", path))
            throw BuildError(finding)
        } catch {
            throw BuildError(.targetUnknown, "\(path) can't be read", evidence: ["reason": "\(error)"])
        }
    }

    private func prove(_ match: TargetMatch) throws(BuildError) -> ProvenTarget {
        let shipped = try open(match.target)
        let link = build.links[match.link]
        let rebuilt = try open(link.file)
        let target: ProvenTarget
        let symbols: Int
        do throws(ELFError) {
            symbols = try rebuilt.symbols().count
            target = try ProvenTarget(shipped: shipped, rebuilt: rebuilt)
        } catch {
            throw BuildError(error.finding).adding("file", match.target)
        }
        guard symbols > 1 else {
            throw BuildError(
                .targetUnknown, "the build links \(BuildPath.name(link.output)) without symbols",
                evidence: ["link": link.output, "target": match.target],
                remedy: "Build without -s (LDFLAGS); stripping afterwards is fine.")
        }
        // Below a tenth it isn't a matter of single functions: another source, or another program.
        guard target.proof.share >= 0.1 else {
            throw BuildError(
                .proofTree, "\(BuildPath.name(match.target)) wasn't made from this tree",
                evidence: [
                    "target": match.target,
                    "equal functions": "\(target.proof.identical) of \(target.proof.functions)",
                    "cause": target.likelyCause,
                ])
        }
        return target
    }

    private func compare() throws(ELFError) -> [ObjectComparison] {
        var all: [ObjectComparison] = []
        for pair in pairs.pairs {
            let files = try [(pair.pre, "pre"), (pair.post, "post")].map { (path, side) throws(ELFError) in
                guard let storage = try? ByteStorage(mapping: path) else {
                    throw ELFError(.truncated, at: 0, "\(side) object of \(pair.unit) is gone: \(path)")
                }
                return try ObjectModel(ELFFile(storage), name: pair.unit)
            }
            all.append(ObjectComparison(pre: files[0], post: files[1]))
        }
        return all
    }

    private func resolve(_ match: TargetMatch, _ target: ProvenTarget, _ comparisons: [ObjectComparison])
        throws(ELFError) -> TargetPatch
    {
        let placer = try UnitPlacer(target.rebuilt)
        let link = build.links[match.link]
        let order = linkOrder(of: link)
        var units: [PatchUnit] = []
        for (pair, comparison) in zip(pairs.pairs, comparisons)
        where pair.links.contains(match.link) && !comparison.isSame {
            let placement = placer.place(comparison.pre, order: order[pair.compile] ?? 0)
            let replaced = Set(comparison.functions.filter { $0.pre != nil && $0.post != nil }.map(\.name))
            let layout = LayoutVerdict(pre: comparison.pre.file, post: comparison.post.file, replaced: replaced)
            units.append(PatchUnit(name: pair.unit, comparison: comparison, placement: placement, layout: layout))
        }
        var built: [String: String] = [:]
        for output in build.outputs where output.kind == .sharedLibrary {
            built[output.soname ?? BuildPath.name(output.output)] = output.file
        }
        let soname = (try? target.shipped.dynamicSection()?.soname).flatMap { $0 }
        return try TargetPatch(
            TargetInput(
                name: soname ?? BuildPath.name(match.target), proven: target, units: units,
                libraries: LibrarySearch(built: built).libraries(neededBy: target.shipped)))
    }

    /// For each compile, how many objects of the link before it have the same source file name.
    private func linkOrder(of link: LinkCommand) -> [Int: Int] {
        var counts: [String: Int] = [:]
        var order: [Int: Int] = [:]
        for compile in build.compiles(of: link) {
            let name = BuildPath.name(compile.source)
            order[compile.id] = counts[name, default: 0]
            counts[name, default: 0] += 1
        }
        return order
    }
}
