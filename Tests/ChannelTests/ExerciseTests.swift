import Channel
import Foundation
import TestSupport
import Testing

/// Bytes from strangers, flipped and cut: errors, never traps, and nothing that isn't the same when written.
@Suite struct ExerciseTests {
    @Test func `damaged metadata is an error or stays what it is`() throws {
        let repository = try RepositorySimulator()
        try repository.delegate(to: "role", scope: .hashPrefixes(["00"]))
        try repository.add("user/a/b", [1], custom: ["tsugite": ["id": "U"]])
        try repository.delegateToBins(bitLength: 2, prefix: "bin")
        var files = repository.publishedRoots
        for name in ["timestamp.json", "snapshot.json", "targets.json", "bin-0.json"] {
            files.append(try repository.content(name))
        }
        for file in files {
            #expect(ChannelExercise.survives(file))
            for index in file.indices {
                var damaged = file
                damaged[index] = damaged[index] &+ UInt8(truncatingIfNeeded: 1 + index % 255)
                #expect(ChannelExercise.survives(damaged))
                if index % 7 == 0 { #expect(ChannelExercise.survives(Array(file[..<index]))) }
            }
        }
    }
}
