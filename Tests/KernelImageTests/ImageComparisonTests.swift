import ELF
import TestSupport
import Testing

@testable import KernelImage

/// A kernel that runs: the image, moved, with some bytes changed.
private struct MovedKernel: KernelObject {
    let name = "vmlinux"
    let symbols: KernelSymbolTable
    private let image: KernelBinary
    private let moved: UInt64
    private let changes: [UInt64: UInt8]

    init(_ image: KernelBinary, by moved: UInt64, _ changes: [UInt64: UInt8] = [:], without: String = "") {
        self.image = image
        self.moved = moved
        self.changes = changes
        var builder = KernelSymbolTable.Builder()
        for symbol in image.symbols.all where symbol.name != without {
            let isFixed = symbol.address < 0xffff_0000_0000_0000
            builder.add(
                name: symbol.name.utf8, address: isFixed ? symbol.address : symbol.address &+ moved,
                kind: symbol.kind)
        }
        symbols = builder.table()
    }

    func section(_ name: String) -> KernelRange? { nil }
    func importedAddress(of name: String) -> UInt64? { nil }
    func contents(at address: UInt64, count: UInt64) throws(KernelImageError) -> ByteView {
        let start = address &- moved
        var bytes = try image.contents(at: start, count: count).bytes
        for (place, byte) in changes where place >= start && place - start < count {
            bytes[Int(place - start)] = byte
        }
        return ByteView(bytes)
    }
}

@Suite(.enabled(if: KernelFixture.image != nil, "the package manager offers no cloud kernel with its source"))
struct ImageComparisonTests {
    @Test func `a moved kernel is its image`() throws {
        let image = try #require(try Images.newest?.get())
        let found = try ImageComparison(image, MovedKernel(image, by: 0x1a00_0000))
        #expect(found.isSame && found.moved == 0x1a00_0000)
        #expect(found.symbols > 50_000 && found.bytes > 5_000_000)
    }

    @Test func `what a table explains is explained, and anything else is named`() throws {
        let image = try #require(try Images.newest?.get())
        let entry = try #require(
            try SiteTable.functionEntries.sites(in: image, types: try image.types()).first {
                $0.address > image.symbols.address(of: "_stext") ?? .max
            })
        let traced = try ImageComparison(image, MovedKernel(image, by: 0, [entry.address: 0x90]))
        #expect(traced.isSame && traced.changed.values.reduce(0, +) == 1)
        let schedule = try #require(image.symbols.named("schedule").first)
        // Behind the call at the entry nothing may be written.
        let (from, to) = (schedule.address + 5, schedule.address + (image.symbols.extent(of: schedule) ?? 6))
        let masked = try SiteMap(of: image, types: try image.types()).mask(of: from..<to)
        let place = from + UInt64(try #require(masked.firstIndex(of: false)))
        let old = try image.contents(at: place, count: 1).bytes[0]
        let changed = try ImageComparison(image, MovedKernel(image, by: 0, [place: old ^ 0xff]))
        #expect(changed.unexplained == ["schedule"] && !changed.isSame)
    }

    @Test(arguments: ["ftrace_call", "ftrace_regs_call"])
    func `the call of the tracers may lead anywhere, what follows it may not change`(_ name: String) throws {
        let image = try #require(try Images.newest?.get())
        let call = try #require(image.symbols.address(of: name))
        let old = try image.contents(at: call, count: 6).bytes
        let set = try ImageComparison(image, MovedKernel(image, by: 0, [call + 2: old[2] ^ 0x5a]))
        #expect(set.isSame && set.changed == ["calls of tracers": 1])
        let behind = try ImageComparison(image, MovedKernel(image, by: 0, [call + 5: old[5] ^ 0x5a]))
        #expect(!behind.isSame)
    }

    @Test func `a symbol that isn't where the image has it is named`() throws {
        let image = try #require(try Images.newest?.get())
        #expect(try ImageComparison(image, MovedKernel(image, by: 0, without: "vfs_read")).missing == ["vfs_read"])
    }
}
