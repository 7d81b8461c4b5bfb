import Foundation
import Linux
import LivePatch
import ProcessPatcher
import TestSupport
import Testing

extension ProcessTests {
    /// The same change thousands of times, under load: nothing is lost, wrong, or left behind.
    ///
    /// `TSUGITE_SOAK_CYCLES` says how often; `make soak` runs it 100,000 times.
    @Suite struct SoakTests {
        static let cycles = ProcessInfo.processInfo.environment["TSUGITE_SOAK_CYCLES"].flatMap(Int.init) ?? 10_000

        @Test func `thousands of changes under load lose no answer and leave nothing behind`() throws {
            let loaded = try LoadedServer()
            let patch = try loaded.patch()
            // The first round brings what stays by design, such as the image's own reserved mappings.
            try round(patch, loaded.server)
            let before = try Footprint(of: loaded.server)
            for cycle in 1...Self.cycles {
                try round(patch, loaded.server)
                if cycle % 10_000 == 0 {
                    print("soak: \(cycle) of \(Self.cycles) changes, \(try loaded.seen().answers) answers")
                }
            }
            let seen = try loaded.seen()
            #expect(seen.answers > Self.cycles)
            #expect(seen.wrong == 0)
            #expect(seen.lost == 0)
            let after = try Footprint(of: loaded.server)
            #expect(after.mappings == before.mappings)
            #expect(after.descriptors == before.descriptors)
            #expect(after.threads == before.threads)
            // A few pages of the server's own stacks and buffers may be touched for the first time meanwhile.
            #expect(after.residentPages <= before.residentPages + 64)
        }

        private func round(_ patch: PatchInput, _ victim: Victim) throws {
            try expectApplied(apply([patch], victim))
            try expectApplied(undo("quote2", victim))
        }
    }
}
