import Channel
import TestSupport
import Testing

@Suite struct RingTests {
    let channel: PublishedChannel

    init() throws {
        channel = try PublishedChannel()
        try channel.add("U1")
        try channel.add("U2", family: "kernel/6.1.0-40-amd64", content: "other")
        try edit { draft throws(ChannelError) in
            try draft.setRing("edge", soakHours: 24)
            try draft.setRing("stable", soakHours: 0)
        }
    }

    func edit(_ change: (inout RepositoryDraft) throws(ChannelError) -> Void) throws {
        _ = try channel.repository.publish(keys: channel.ring, at: channel.time, change)
    }

    /// Which updates a machine of each ring may install.
    func allowed() throws -> [String: [String]] {
        let client = try channel.client()
        let targets = try client.allTargets()
        var result: [String: [String]] = [:]
        for ring in try client.rings() {
            result[ring.name] = targets.filter { ring.allows($0) }.compactMap {
                UpdateDescription(custom: $0.custom)?.id
            }
        }
        return result
    }

    func published() throws -> [TargetFile] { try channel.client().allTargets() }

    @Test func `nothing is allowed before somebody lets it in`() throws {
        #expect(try allowed() == ["edge": [], "stable": []])
    }

    @Test func `an update goes from ring to ring after it has soaked`() throws {
        let targets = try published()
        try edit { draft throws(ChannelError) in
            try draft.approve(targets.filter { $0.path.contains("U1") }, in: "edge")
        }
        #expect(try allowed() == ["edge": ["U1"], "stable": []])
        channel.time = channel.time.adding(seconds: 24 * 3600 - 1)
        var plan: Ring.Promotion?
        try edit { draft throws(ChannelError) in plan = try draft.promote(from: "edge", to: "stable") }
        #expect(plan?.ready.isEmpty == true)
        #expect(plan?.soaking.map(\.until) == [channel.time.adding(seconds: 1)])
        channel.time = channel.time.adding(seconds: 1)
        try edit { draft throws(ChannelError) in plan = try draft.promote(from: "edge", to: "stable") }
        #expect(plan?.ready.map(\.id) == ["U1"])
        #expect(try allowed() == ["edge": ["U1"], "stable": ["U1"]])
    }

    @Test func `leave is for one file: a changed file of the same id isn't allowed`() throws {
        let targets = try published()
        try edit { draft throws(ChannelError) in try draft.approve(targets, in: "edge") }
        try channel.add("U1", content: "changed")
        #expect(try allowed()["edge"] == ["U2"])
    }

    @Test func `withdrawal leaves no ring allowing it`() throws {
        let targets = try published()
        try edit { draft throws(ChannelError) in
            try draft.approve(targets, in: "edge")
            try draft.approve(targets, in: "stable")
        }
        try edit { draft throws(ChannelError) in try draft.withdrawFromRings("U1", reason: "crash") }
        #expect(try allowed() == ["edge": ["U2"], "stable": ["U2"]])
        let client = try channel.client()
        _ = try client.rings()
        #expect(client.trusted.targets[key: "ring.edge"]?.withdrawals.map(\.id) == ["U1"])
    }

    @Test func `a site's rings allow another publisher's updates`() throws {
        let site = try PublishedChannel()
        let targets = try published()
        _ = try site.repository.publish(keys: site.ring, at: site.time) { draft throws(ChannelError) in
            try draft.setRing("pilot", soakHours: 1)
            try draft.approve(targets.filter { $0.path.hasPrefix("kernel/") }, in: "pilot")
        }
        let pilot = try #require(try site.client().rings().first)
        #expect(targets.filter { pilot.allows($0) }.map(\.path) == ["kernel/6.1.0-40-amd64/abcd/U2.tsp"])
    }

    @Test func `a ring can't speak about paths`() throws {
        let file = try channel.source("x")
        try edit { draft throws(ChannelError) in
            try draft.add(file: file, path: "user/libssl3/abcd/evil", role: "ring.edge", custom: nil)
        }
        #expect(try channel.client().target("user/libssl3/abcd/evil") == nil)
    }

    @Test(arguments: ["", "a/b", "../x", "a b"])
    func `rings have plain names`(name: String) throws {
        #expect(throws: ChannelError.self) {
            try edit { draft throws(ChannelError) in try draft.setRing(name, soakHours: 1) }
        }
    }
}
