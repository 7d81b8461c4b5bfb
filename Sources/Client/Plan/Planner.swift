public import Channel
import Findings
public import Linux

// Which updates go in, which come out, and why each other one stays out. Pure: everything that it depends on comes in
// as a value. The order of the questions is the order of the answers that people get:
//
//   is it for something that runs here?   no: not even mentioned
//   is it replaced by a newer one?        then the newer one is asked about
//   withdrawn, another ring, held, pinned, after the cut-off date, never-list: left out, with the reason
//   in memory everywhere already?         nothing to do
//   otherwise: a step

/// Makes plans.
public struct Planner: Sendable {
    /// The site's decisions.
    public var configuration: Configuration
    /// What must never be touched.
    public var never: NeverList
    /// This machine's decisions.
    public var state: ClientState
    /// What runs.
    public var inventory: SystemInventory
    /// What is in memory: for each process the digests of the patches in effect.
    public var memory: [ProcessID: Set<String>]
    /// Digests of the installed updates' files that are in effect in the running kernel.
    public var kernelMemory: Set<String>
    /// What the channels offer, by label.
    public var catalogues: [String: Catalogue]

    /// Makes a planner.
    public init(
        configuration: Configuration, never: NeverList, state: ClientState, inventory: SystemInventory,
        memory: [ProcessID: Set<String>], kernelMemory: Set<String> = [], catalogues: [String: Catalogue]
    ) {
        self.configuration = configuration
        self.never = never
        self.state = state
        self.inventory = inventory
        self.memory = memory
        self.kernelMemory = kernelMemory
        self.catalogues = catalogues
    }

    /// An update on offer for builds that run here.
    public struct Candidate: Sendable, Equatable {
        /// What it would be once installed.
        public var update: InstalledUpdate
        /// The channel's words.
        public var description: UpdateDescription
        /// The rings that approve it, in any channel.
        public var rings: [String]
        /// Processes that would carry it and don't.
        public var missing: Int
        /// Processes that run what it is for.
        public var concerned: Int
    }

    /// All updates on offer for what runs here, replaced ones included, by channel and id.
    public func candidates() -> [Candidate] {
        var found: [Candidate] = []
        for source in configuration.channels {
            guard let catalogue = catalogues[source.label] else { continue }
            var byID: [String: Candidate] = [:]
            for entry in catalogue.entries where concerns(entry) {
                guard isFrom(source, entry) else { continue }
                var candidate = byID[entry.update.id] ?? Self.candidate(entry, source.label)
                candidate.update.patches.append(
                    .init(sha256: entry.sha256, buildID: entry.buildID, path: entry.path, length: entry.length))
                let users = inventory.users(of: entry.buildID, never)
                candidate.concerned += users.count
                candidate.missing += users.count { memory[$0]?.contains(entry.sha256) != true }
                if entry.family.kind == .kernel {
                    candidate.concerned += 1
                    candidate.missing += kernelMemory.contains(entry.sha256) ? 0 : 1
                }
                candidate.rings = approvals(of: entry, source)
                byID[entry.update.id] = candidate
            }
            found += byID.values.sorted { $0.update.id < $1.update.id }
        }
        return found
    }

    private static func candidate(_ entry: Catalogue.Entry, _ label: String) -> Candidate {
        let update = InstalledUpdate(
            id: entry.update.id, channel: label, family: entry.family.path,
            effectiveVersion: entry.update.effectiveVersion, advisories: entry.update.advisories,
            summary: entry.update.summary, undo: entry.update.undo.rawValue, supersedes: entry.update.supersedes,
            patches: [])
        return Candidate(update: update, description: entry.update, rings: [], missing: 0, concerned: 0)
    }

    private func concerns(_ entry: Catalogue.Entry) -> Bool {
        switch entry.family.kind {
        case .user: inventory.modules[entry.buildID] != nil
        case .kernel: inventory.kernel.buildID == entry.buildID
        case .zone: false
        }
    }

    /// `user_channel` and `kernel_channel` name the only channel that such updates may come from.
    private func isFrom(_ source: Configuration.Source, _ entry: Catalogue.Entry) -> Bool {
        let only = entry.family.kind == .kernel ? configuration.kernelChannel : configuration.userChannel
        return only == nil || only == source.label
    }

    private func approvals(of entry: Catalogue.Entry, _ source: Configuration.Source) -> [String] {
        guard let other = source.ringChannel else { return entry.rings }
        // A ring in another channel approves by content: the same file must stand there.
        return catalogues[other]?.entries.first { $0.sha256 == entry.sha256 }?.rings ?? []
    }
}

extension Planner {
    /// Everything that is available and allowed.
    /// - Parameters:
    ///   - scope: only the kernel, only user space, or nil for all.
    ///   - only: only these ids.
    public func upgrade(_ scope: Family.Kind? = nil, only: [String]? = nil) -> Plan {
        var plan = Plan(only == nil ? .upgrade : .install)
        plan.steps = withdrawnSteps()
        let all = candidates().filter { candidate in
            (scope == nil || candidate.update.family.hasPrefix(scope.map { $0.rawValue + "/" } ?? ""))
                && (only == nil || only?.contains(candidate.update.id) == true)
        }
        var usable: [Candidate] = []
        for candidate in all {
            if let finding = hindrance(candidate, isAskedFor: only != nil) {
                plan.omitted.append(.init(id: candidate.update.id, finding: finding))
            } else {
                usable.append(candidate)
            }
        }
        let replaced = Set(usable.flatMap(\.description.supersedes))
        for candidate in usable where !replaced.contains(candidate.update.id) {
            let isKnown = state.update(candidate.update.id) != nil
            guard candidate.missing > 0 || (!isKnown && candidate.concerned > 0) else { continue }
            let isKernel = candidate.update.isKernel
            let reason =
                isKnown
                ? (isKernel ? "the running kernel lacks it" : "\(candidate.missing) new processes without it")
                : [candidate.description.severity.rawValue, candidate.description.summary].filter { !$0.isEmpty }
                    .joined(separator: ": ")
            plan.steps.append(
                .init(
                    action: .install, update: candidate.update, processes: isKernel ? 0 : candidate.missing,
                    reason: reason))
        }
        return plan
    }

    /// Why an update on offer isn't installed.
    func hindrance(_ candidate: Candidate, isAskedFor: Bool) -> Finding? {
        let id = candidate.update.id
        func left(_ text: String, _ remedy: String) -> Finding {
            Finding(.updateLeftOut, "\(id) is left out: \(text)", evidence: ["update": id], remedy: remedy)
        }
        let source = configuration.channels.first { $0.label == candidate.update.channel }
        if let ring = source?.ring, !candidate.rings.contains(ring) {
            return left("the ring \(ring) doesn't approve it yet", "Wait, or promote it: tsugite channel promote.")
        }
        if let hold = (configuration.hold + state.held).first(where: { holds($0, candidate.update) }), !isAskedFor {
            return left("\(hold) is held", "tsugite unhold \(hold)")
        }
        if let limit = pin(of: candidate.update.package),
            DebianVersion.isOlder(limit, than: candidate.update.effectiveVersion)
        {
            return left("pinned at \(limit)", "tsugite unpin \(candidate.update.package)")
        }
        if let cutOff = configuration.cutOff.flatMap({ UTCTime($0) }) {
            guard let published = candidate.description.published, published <= cutOff else {
                return left("published after \(cutOff)", "Change effective_version in /etc/tsugite/tsugite.yaml.")
            }
        }
        if candidate.concerned == 0, !candidate.update.isKernel {
            return left("everything that it is for is on the never-list", "See /etc/tsugite/never.d.")
        }
        return nil
    }

    private func holds(_ name: String, _ update: InstalledUpdate) -> Bool {
        name == update.id || name == update.family || name == update.package
    }

    private func pin(of package: String) -> String? {
        state.pins[package]
            ?? configuration.pins.first { $0.hasPrefix(package + "=") }.map {
                String($0.dropFirst(package.count + 1))
            }
    }

    /// Installed updates that their publishers took back.
    public func withdrawn() -> [(update: InstalledUpdate, reason: String)] {
        state.installed.compactMap { update in
            catalogues[update.channel]?.withdrawals.first { $0.id == update.id }.map { (update, $0.reason) }
        }
    }

    private func withdrawnSteps() -> [Plan.Step] {
        guard configuration.withdrawn == .undo else { return [] }
        return withdrawn().map { update, reason in
            .init(action: .remove, update: update, processes: carriers(of: update), reason: "withdrawn: \(reason)")
        }
    }

    private func carriers(of update: InstalledUpdate) -> Int {
        let digests = Set(update.patches.map(\.sha256))
        return memory.values.count { !$0.isDisjoint(with: digests) }
    }

    /// What is installed, into processes that were started since.
    public func follow() -> Plan {
        var plan = Plan(.install)
        for update in state.installed where !update.isKernel {
            let missing = update.patches.reduce(0) { count, patch in
                count
                    + inventory.users(of: patch.buildID, never).count { memory[$0]?.contains(patch.sha256) != true }
            }
            guard missing > 0 else { continue }
            plan.steps.append(
                .init(action: .install, update: update, processes: missing, reason: "new processes without it"))
        }
        return plan
    }

    /// The present set again: what is accepted, oldest first.
    ///
    /// The kernel's part of it was replayed before, by `tsugite kernel replay`.
    public func boot() -> Plan {
        Plan(
            .boot,
            state.installed.filter { $0.trial == nil && !$0.isKernel }.map {
                .init(action: .install, update: $0, processes: 0, reason: "installed before the reboot")
            })
    }

    /// Everything out, newest first.
    public func remove(_ ids: [String]? = nil) -> Plan {
        let chosen = state.installed.filter { ids == nil || ids?.contains($0.id) == true }
        return Plan(
            .remove,
            chosen.reversed().map {
                .init(action: .remove, update: $0, processes: carriers(of: $0), reason: "asked for")
            })
    }

    /// The last action taken back.
    public func undo() -> Plan {
        var plan = remove(state.lastAction)
        plan.purpose = .undo
        for index in plan.steps.indices { plan.steps[index].reason = "part of the last action" }
        return plan
    }
}
