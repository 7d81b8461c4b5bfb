import ELF
import Linux
import TestSupport
import Testing

@testable import PatchBuilder

/// Damaged files end in an error or a refusal, never in a trap.
@Suite struct DamageTests {
    private static func generator(_ seed: UInt64) -> () -> UInt64 {
        var state = seed
        return {
            state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            return state >> 33
        }
    }

    /// Each structure of the file gets its share of flips: headers first, then anywhere.
    private static func damaged(_ bytes: [UInt8], _ count: Int) -> [[UInt8]] {
        let next = generator(7)
        return (0..<count).map { round in
            var copy = bytes
            for _ in 0...(round % 3) {
                let place = round % 4 == 0 ? Int(next()) % min(1024, copy.count) : Int(next()) % copy.count
                copy[place] = round % 2 == 0 ? UInt8(truncatingIfNeeded: next()) : 0xff
            }
            return copy
        }
    }

    @Test func `survives damaged objects`() throws {
        let text = """
            #include <stdio.h>
            static int count; static _Thread_local int mine; static const double table[] = {1.5, 2.5};
            int pick(int x) { switch (x) { case 0: return puts("a"); case 1: return 3; case 2: return puts("b"); case 3: return 9;
              case 4: return (int)table[x & 1]; case 5: return mine++; } static int count; return ++count; }
            int use(void) { return count + pick(3); }
            """
        let compiler = try Compiler()
        let path = try compiler.compile(
            text, ["-c", "-O2", "-ffunction-sections", "-fdata-sections"], name: "unit")
        let bytes = try ByteStorage(reading: path)
        let good = try ObjectModel(ELFFile(bytes), name: "good")
        var readable = 0
        for copy in Self.damaged(ByteView(bytes).bytes, 1500) {
            guard let model = try? ObjectModel(ELFFile(ByteStorage(copy)), name: "damaged") else { continue }
            readable += 1
            _ = ObjectComparison(pre: good, post: model)
            _ = ObjectComparison(pre: model, post: good)
            _ = try? FrameTable(model.file)
        }
        #expect(readable > 100)
    }

    @Test func `survives damaged targets`() throws {
        let builds = try TwoBuilds([.init("main.c", SimpleChange.source("1"), SimpleChange.source("2"))])
        let bytes = ByteView(try ByteStorage(reading: builds.rebuilt)).bytes
        let rebuilt = try TwoBuilds.open(builds.rebuilt)
        let input = try builds.input()
        for copy in Self.damaged(bytes, 400) {
            guard let file = try? ELFFile(ByteStorage(copy)) else { continue }
            for (shipped, built) in [(file, rebuilt), (rebuilt, file)] {
                guard let proven = try? ProvenTarget(shipped: shipped, rebuilt: built) else { continue }
                _ = try? TargetPatch(
                    TargetInput(name: "damaged", proven: proven, units: input.units, libraries: input.libraries))
            }
        }
    }
}
