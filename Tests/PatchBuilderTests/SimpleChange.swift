import ELF
import LivePatch
import TestSupport
import Testing

@testable import PatchBuilder

@Suite struct SimpleChange {
    static let program = """
        #include <stdio.h>
        static int calls;
        __attribute__((noinline)) static int scale(int x) { calls++; return x * 3; }
        __attribute__((noinline)) int answer(int x) { printf("answer %d\\n", scale(x)); return x + BONUS; }
        int main(int argc, char **argv) { return answer(argc) + scale(argc); }
        """

    static func source(_ bonus: String) -> String { program.replacing("BONUS", with: bonus) }

    @Test(arguments: ["-O0", "-O2"])
    func `replaces the one function whose body changed`(level: String) throws {
        let builds = try TwoBuilds(
            [.init("main.c", Self.source("1"), Self.source("2"))], [level, "-fPIE"], strip: true)
        let comparison = try builds.comparison()
        #expect(comparison.functions.map(\.name) == ["answer"])
        #expect(comparison.data.isEmpty)
        let patch = try builds.patch()
        #expect(patch.targets.map(\.name) == ["victim"])
        #expect(patch.targets[0].functions.map(\.name) == ["answer"])
        let rebuilt = try LinkMap(TwoBuilds.open(builds.rebuilt))
        #expect(patch.targets[0].functions[0].address == rebuilt.shared("answer")?.address)
        let names = patch.targets[0].externals.map { patch.object.symbols[$0.symbol].name }
        #expect(Set(names).isSuperset(of: ["scale", "printf"]))
        _ = try patch.encoded()
    }
}
