import ELF
import Findings
import KernelImage
import TestSupport
import Testing

@testable import PatchBuilder

@Suite struct KernelPlacerTests {
    static let one = """
        int shared; static int mine = 3; extern int other(int);
        static __attribute__((noinline)) int show(int x) { return x * 7 + mine; }
        int first(int x) { return show(x) + other(x) + shared; }
        int second(int x) { return show(x + 1) ^ mine; }
        void set(int x) { mine = x; }
        """
    static let two = """
        static int mine = 9;
        static __attribute__((noinline)) int show(int x) { return x * 7 + mine; }
        int other(int x) { return show(x) - 1; }
        int third(int x) { return show(x) - 2; }
        void reset(int x) { mine = x; }
        """

    func kernel(_ compiler: Compiler) throws -> FakeKernel {
        try FakeKernel(compiler, [("one", Self.one), ("two", Self.two)])
    }

    @Test func `finds every function and variable of an object`() throws {
        let compiler = try Compiler()
        let kernel = try kernel(compiler)
        let model = try FakeKernel.plain(compiler, Self.one)
        let placement = KernelPlacer.place(model, unit: "one.c", in: kernel)
        #expect(placement.mismatch == nil)
        #expect(placement.proven == 4)
        for entity in model.entities where entity.kind == .data {
            let address = try #require(placement.addresses[entity.index])
            #expect(kernel.symbols.symbols(at: address).contains { $0.name == entity.name })
        }
    }

    @Test func `tells functions of one name and equal code apart by where the object lies`() throws {
        let compiler = try Compiler()
        let kernel = try kernel(compiler)
        for (position, text) in [Self.one, Self.two].enumerated() {
            let model = try FakeKernel.plain(compiler, text)
            let placement = KernelPlacer.place(model, unit: "unit.c", in: kernel)
            let show = try #require(model.entities(named: "show").first)
            #expect(placement.addresses[show.index] == kernel.symbols.named("show")[position].address)
            let mine = try #require(model.entities(named: "mine").first)
            #expect(placement.addresses[mine.index] == kernel.symbols.named("mine")[position].address)
        }
    }

    @Test(arguments: [
        ("x * 7", "x * 9", "show"), ("other(x) +", "third(x) +", "first"), ("^ mine", "^ shared", "second"),
    ])
    func `names the function that isn't the kernel's`(_ from: String, _ to: String, _ function: String) throws {
        let compiler = try Compiler()
        let kernel = try kernel(compiler)
        let text = Self.one.replacing(from, with: to).replacing(
            "int other(int)", with: "int other(int), third(int)")
        let model = try FakeKernel.plain(compiler, text)
        let mismatch = try #require(KernelPlacer.place(model, unit: "one.c", in: kernel).mismatch)
        #expect(mismatch.function == function)
        #expect(mismatch.offset > 0)
        #expect(mismatch.error.finding.evidence.contains { $0.name == "likely cause" })
    }

    @Test func `a file that the kernel was built without proves nothing`() throws {
        let compiler = try Compiler()
        let kernel = try kernel(compiler)
        let model = try FakeKernel.plain(compiler, "int unknown(int x) { return x + 77; }")
        let placement = KernelPlacer.place(model, unit: "x.c", in: kernel)
        #expect(placement.proven == 0)
        #expect(placement.functions.values.allSatisfy { $0 == .absent })
    }

    @Test func `calls inside one section count as references`() throws {
        let compiler = try Compiler()
        let model = try FakeKernel.plain(compiler, Self.one)
        let first = try #require(model.entities(named: "first").first)
        let show = try #require(model.entities(named: "show").first)
        #expect(model.references(first).contains { $0.target == .entity(show.index) })
    }
}
