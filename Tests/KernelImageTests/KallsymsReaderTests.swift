import Testing

@testable import KernelImage

@Suite struct KallsymsReaderTests {
    static let base: UInt64 = 0xffff_ffff_8100_0000

    func fixture(_ layout: KallsymsFixture.Layout, count: Int = 600) -> KallsymsFixture {
        var fixture = KallsymsFixture(layout: layout)
        if layout != .absolute { fixture.symbols.append(("per_cpu_offset_0", "A", 0x100)) }
        for index in 0..<count {
            let name = index % 3 == 0 ? "sys_call\(index)" : "helper\(index % 50)"
            fixture.symbols.append((name, index % 2 == 0 ? "T" : "t", Self.base + UInt64(index) * 64))
        }
        fixture.symbols.append((String(repeating: "long", count: 60), "d", Self.base + 0x10_0000))
        return fixture
    }

    @Test(arguments: KallsymsFixture.Layout.allCases)
    func `reads the names and addresses of every layout`(_ layout: KallsymsFixture.Layout) throws {
        let fixture = fixture(layout)
        let table = try KallsymsReader(fixture.bytes()).table()
        #expect(table.count == fixture.symbols.count)
        #expect(table.all.map(\.name) == fixture.symbols.map(\.name))
        #expect(table.all.map(\.address) == fixture.symbols.map(\.address))
        #expect(table.all.map { Character(Unicode.Scalar($0.kind)) } == fixture.symbols.map(\.kind))
    }

    @Test func `the sequence may end without a gap before the tokens`() throws {
        // 3 bytes for each of 8 symbols are a multiple of 8, so no padding lies between.
        var fixture = KallsymsFixture(layout: .before6_4WithSequence)
        fixture.symbols = (0..<8).map { ("f\($0)", "t", Self.base + UInt64($0) * 16) }
        #expect(try KallsymsReader(fixture.bytes()).table().count == 8)
    }

    @Test func `counts symbols of one name in address order`() throws {
        let table = try KallsymsReader(fixture(.since6_4).bytes()).table()
        let helpers = table.named("helper1")
        #expect(helpers.count > 1)
        #expect(helpers.map(\.address) == helpers.map(\.address).sorted())
        #expect(helpers.compactMap { table.position(of: $0) } == Array(1...helpers.count))
        #expect(table.named("sys_call0").compactMap { table.position(of: $0) } == [0])
        #expect(table.named("nothing").isEmpty)
    }

    @Test func `finds the symbol that contains an address, and its extent`() throws {
        let table = try KallsymsReader(fixture(.before6_4).bytes()).table()
        let found = try #require(table.containing(Self.base + 3 * 64 + 5))
        #expect(found.symbol.name == "sys_call3")
        #expect(found.offset == 5)
        #expect(table.extent(of: found.symbol) == 64)
    }

    @Test(arguments: KallsymsFixture.Layout.allCases)
    func `damaged tables are errors`(_ layout: KallsymsFixture.Layout) {
        let good = fixture(layout, count: 300).bytes()
        var state: UInt64 = 42
        for _ in 0..<200 {
            var bytes = good
            for _ in 0..<4 {
                state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
                bytes[Int(state >> 33) % bytes.count] = UInt8(truncatingIfNeeded: state >> 20)
            }
            // Either it is noticed, or the damage hit only characters and addresses; it never traps.
            if let table = try? KallsymsReader(bytes).table() { #expect(table.count > 1) }
        }
        for length in stride(from: 0, to: good.count - 64, by: 97) {
            if layout != .since6_4, length > good.count - 80 { continue }
            let cut = try? KallsymsReader(Array(good[..<length])).table()
            #expect(cut == nil || layout == .since6_4)
        }
    }
}
