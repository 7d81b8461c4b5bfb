extension RepositoryDraft {
    /// All rings of this channel, by name.
    public var rings: [Ring] {
        targets.entries.compactMap { entry in
            guard entry.key.hasPrefix("ring.") else { return nil }
            return Ring(entry.value, name: String(entry.key.dropFirst(5)))
        }
    }

    /// The ring of that name; `nil` if there is none.
    public func ring(_ name: String) -> Ring? {
        guard let role = Ring.role(name) else { return nil }
        return targets[key: role].flatMap { Ring($0, name: name) }
    }

    /// Makes a ring, or changes how long updates soak in it.
    public mutating func setRing(_ name: String, soakHours: Int) throws(ChannelError) {
        guard let role = Ring.role(name) else {
            throw ChannelError(
                .file, name, "a ring's name is made of letters, digits and .+-_~:", remedy: "Give another name.")
        }
        guard (0...87_600).contains(soakHours) else {
            throw ChannelError(
                .file, name, "soak hours lie between 0 and 87600", remedy: "Give other --soak-hours.")
        }
        var ring = ring(name) ?? Ring(name: name, soakHours: soakHours)
        ring.soakHours = soakHours
        try ensure(role: role, scope: .paths([]), isTerminating: false)
        try store(ring)
    }

    /// Lets updates into a ring from outside of all rings: from a channel's list of targets.
    /// - Parameter targets: verified targets, of this channel or of another one.
    /// - Returns: the ids that are new in the ring.
    @discardableResult
    public mutating func approve(_ targets: [TargetFile], in name: String) throws(ChannelError) -> [String] {
        guard var ring = ring(name) else { throw ChannelError(.noTarget, name, "no such ring") }
        var new: [String] = []
        for target in targets {
            guard let id = UpdateDescription(custom: target.custom)?.id,
                let digest = target.hashes.digests[key: "sha256"]?.lowercased(), !ring.allows(target)
            else { continue }
            let approval = Ring.Approval(id: id, sha256: digest, since: time)
            ring.approvals[key: approval.key] = approval
            if new.last != id { new.append(id) }
        }
        try store(ring)
        return new
    }

    /// Moves on what has soaked long enough; it stays allowed in the ring that it came from.
    @discardableResult
    public mutating func promote(
        from: String, to: String, ids: [String]? = nil
    ) throws(ChannelError) -> Ring.Promotion {
        guard let source = ring(from) else { throw ChannelError(.noTarget, from, "no such ring") }
        guard var next = ring(to) else { throw ChannelError(.noTarget, to, "no such ring") }
        let plan = source.promotion(into: next, ids: ids, at: time)
        for var approval in plan.ready {
            approval.since = time
            next.approvals[key: approval.key] = approval
        }
        try store(next)
        return plan
    }

    /// Takes the leave for an update back in all rings, and says so in each that had it.
    /// - Returns: the rings that had it.
    @discardableResult
    public mutating func withdrawFromRings(_ id: String, reason: String) throws(ChannelError) -> [String] {
        let withdrawal = Withdrawal(id: id, reason: reason, time: time)
        var names: [String] = []
        for var ring in rings {
            let gone = ring.approvals.values.filter { sameBytes($0.id, id) }
            guard !gone.isEmpty, let role = Ring.role(ring.name) else { continue }
            for approval in gone { ring.approvals[key: approval.key] = nil }
            try store(ring)
            try edit(role) { metadata throws(ChannelError) in
                metadata.withdrawals = metadata.withdrawals.filter { $0.id != id } + [withdrawal]
            }
            names.append(ring.name)
        }
        return names
    }

    private mutating func store(_ ring: Ring) throws(ChannelError) {
        guard let role = Ring.role(ring.name) else { return }
        try edit(role) { metadata throws(ChannelError) in
            var object = metadata.others[key: "x-tsugite"]?.object ?? [:]
            object[key: "ring"] = ring.json
            metadata.others[key: "x-tsugite"] = .object(object)
        }
    }
}

extension Updater {
    /// The rings of this channel, refreshed, each verified like any role.
    public func rings() throws(ChannelError) -> [Ring] {
        try refresh()
        let top = try targets(Targets.type, delegator: Root.type)
        guard case .roles(let roles)? = top.delegations?.form else { return [] }
        var rings: [Ring] = []
        for role in roles where role.name.hasPrefix("ring.") {
            let metadata = try targets(role.name, delegator: Targets.type)
            if let ring = Ring(metadata, name: String(role.name.dropFirst(5))) { rings.append(ring) }
        }
        return rings
    }
}
