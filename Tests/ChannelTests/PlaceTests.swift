import Channel
import Foundation
import Testing

/// Each update has a place of its own in a channel, and one that was taken back stays away.
@Suite struct PlaceTests {
    let channel: PublishedChannel

    init() throws { channel = try PublishedChannel() }

    private func stage(
        _ id: String, name: String = "fix.tsp", supersedes: [String] = [],
        _ change: (inout StagedUpdate) -> Void = { _ in }
    ) throws {
        var description = UpdateDescription(id: id, effectiveVersion: "3.0.1")
        description.supersedes = supersedes
        let family = try #require(Family("user/libssl3"))
        var update = StagedUpdate(description, family: family, buildIDs: ["abcd"], name: name)
        change(&update)
        try channel.repository.stage(update, file: try channel.source("content of \(id)"))
    }

    @discardableResult
    private func publish() throws -> [String] {
        try channel.repository.publishStaged(keys: channel.ring, at: channel.time).ids
    }

    private func published() throws -> [String] {
        try channel.client(UUID().uuidString).allTargets().compactMap { UpdateDescription(custom: $0.custom)?.id }
    }

    private func refusal(_ body: () throws -> Void) -> ChannelError? {
        #expect(throws: ChannelError.self) { try body() }
    }

    @Test func `a second update from a file of the same name is refused, and the first stays`() throws {
        try stage("U1")
        try publish()
        let error = refusal { try stage("U2") }
        #expect(error?.what.contains("U1") == true && error?.remedy?.contains("--supersedes U1") == true)
        #expect(try published() == ["U1"])
        try stage("U2", name: "other.tsp")
        try publish()
        #expect(Set(try published()) == ["U1", "U2"])
    }

    @Test func `of two that wait for the same place none is published`() throws {
        try stage("U1")
        try stage("U2")
        let error = refusal { try publish() }
        #expect(error?.what.contains("U1") == true)
        #expect(try published() == [])
        // Added again under another name, both go out.
        try stage("U2", name: "other.tsp")
        #expect(try publish() == ["U1", "U2"])
        #expect(Set(try published()) == ["U1", "U2"])
    }

    @Test func `an update takes the place of one that it supersedes, and its own again`() throws {
        try stage("U1")
        try publish()
        try stage("U1")
        try publish()
        try stage("U2", supersedes: ["U1"])
        try publish()
        #expect(try published() == ["U2"])
    }

    @Test func `an update that was taken back isn't added again`() throws {
        try stage("U1")
        try publish()
        _ = try channel.repository.publish(keys: channel.ring, at: channel.time) { draft throws(ChannelError) in
            try draft.withdraw("U1", reason: "crashes")
        }
        let error = refusal { try stage("U1", name: "other.tsp") }
        #expect(error?.what.contains("crashes") == true)
        let family = try #require(Family("user/libssl3"))
        let file = try channel.source("x")
        _ = refusal {
            _ = try channel.repository.publish(keys: channel.ring, at: channel.time) { draft throws(ChannelError) in
                try draft.add(
                    file: file, family: family, buildID: "abcd", name: "fix.tsp",
                    UpdateDescription(id: "U1", effectiveVersion: "1"))
            }
        }
        #expect(try published() == [])
        try stage("U1-2")
        try publish()
        #expect(try published() == ["U1-2"])
    }

    @Test(arguments: ["", "A/../B", "A B", ".A", "-A", "A\n"])
    func `what is no id is refused`(id: String) throws {
        #expect(refusal { try stage(id) }?.kind == .file)
    }

    @Test func `an empty version, a provenance that is no digest, and a bad build-id are refused`() throws {
        let changes: [(inout StagedUpdate) -> Void] = [
            { $0.description.effectiveVersion = "" }, { $0.description.effectiveVersion = " " },
            { $0.description.provenance = "md5:zz" }, { $0.description.provenance = "sha256:00" },
            { $0.buildIDs = ["XYZ"] }, { $0.buildIDs = [] }, { $0.name = "a/b" },
        ]
        for change in changes {
            let error = refusal { try stage("U1", change) }
            #expect(error?.kind == .file && error?.remedy != nil)
        }
        try stage("U1") { $0.description.provenance = "sha256:" + String(repeating: "0a", count: 32) }
    }

    @Test func `nothing is added to a folder without a channel`() throws {
        let folder = channel.folder + "/nochan"
        let family = try #require(Family("user/libssl3"))
        let update = StagedUpdate(
            UpdateDescription(id: "U1", effectiveVersion: "1"), family: family, buildIDs: ["ab"], name: "x")
        let file = try channel.source("x")
        #expect(refusal { try Repository(folder: folder).stage(update, file: file) }?.kind == .file)
        #expect(!FileManager.default.fileExists(atPath: folder))
    }
}
