import ELF
import Foundation
import TestSupport
import Testing

@testable import KernelImage

@Suite(.enabled(if: KernelFixture.image != nil, "the package manager offers no cloud kernel with its source"))
struct ModuleTests {
    static func module(_ path: String, of fixture: KernelFixture?) throws -> ModuleFile? {
        guard let fixture else { return nil }
        let base = "\(fixture.modules)/kernel/\(path)"
        guard let file = ["", ".xz", ".zst", ".gz"].map({ base + $0 }).first(where: FileManager.default.fileExists)
        else { return nil }
        return try ModuleFile(reading: file)
    }

    @Test func `reads modules as the distributor ships them, compressed or not`() throws {
        for (fixture, kernel) in [(KernelFixture.image, Images.newest), (KernelFixture.other, Images.other)] {
            guard let module = try Self.module("net/8021q/8021q.ko", of: fixture), let kernel = try kernel?.get()
            else { continue }
            #expect(module.name == "8021q")
            #expect(module.versionMagic?.hasPrefix(kernel.release + " SMP") == true)
            let structure = try module.moduleStructure()
            #expect(structure.size == (try StructLayout("module", in: kernel.types()).size))
            #expect(structure.initOffset == (try StructLayout("module", in: kernel.types()).offset("init")))
        }
    }

    @Test func `a module's code calls the kernel where the kernel is`() throws {
        let kernel = try #require(try Images.newest?.get())
        let module = try #require(try Self.module("net/8021q/8021q.ko", of: KernelFixture.image))
        let image = try ModuleImage(module, kernel: kernel.symbols)
        let function = try #require(image.symbols.named("vlan_dev_open").first)
        // Every function that can be traced starts with a call of __fentry__.
        let entry = try image.contents(at: function.address, count: 5)
        let distance: Int32 = try entry.load(1)
        #expect(try entry.load(0, as: UInt8.self) == 0xe8)
        #expect(
            function.address &+ 5 &+ UInt64(bitPattern: Int64(distance)) == kernel.symbols.address(of: "__fentry__")
        )
        #expect(image.importedAddress(of: "__fentry__") == kernel.symbols.address(of: "__fentry__"))
    }

    @Test func `every kind of site lies in code and starts as its table says`() throws {
        for kernel in try Images.all() {
            let types = try kernel.types()
            let text = try #require(try kernel.section(".text"))
            let range = text.address..<(text.address + UInt64(text.bytes.count))
            for (table, first) in [(SiteTable.functionEntries, [0xe8] as Set<UInt8>), (.lockPrefixes, [0xf0])] {
                let sites = try table.sites(in: kernel, types: types).filter { range.contains($0.address) }
                #expect(sites.count > 1000)
                for site in sites.prefix(2000) {
                    let byte: UInt8 = try text.bytes.load(Int(site.address - text.address))
                    // Newer kernels have five-byte fillers where older ones call; a segment prefix may precede the
                    // lock prefix.
                    let others: Set<UInt8> = table == .functionEntries ? [0x0f] : [0x65, 0x66, 0x3e]
                    #expect(first.contains(byte) || others.contains(byte))
                }
            }
            let map = try SiteMap(of: kernel, types: types)
            let schedule = try #require(kernel.symbols.named("schedule").first)
            #expect(map.mask(of: schedule.address..<(schedule.address + 16)).prefix(9).contains(true))
        }
    }

    @Test func `exports have the checksums of the headers package`() throws {
        let kernel = try #require(try Images.newest?.get())
        let exports = try ExportTable(of: kernel)
        #expect(exports.count > 5000)
        #expect(exports["klp_enable_patch"]?.isGPLOnly == true)
        #expect(exports["kfree"]?.isGPLOnly == false)
        let line = try ExportTable(symvers: "0x0040afbe\tparam_ops_byte\tvmlinux\tEXPORT_SYMBOL\t\n")
        #expect(line["param_ops_byte"]?.crc == 0x0040_afbe)
        #expect(throws: KernelImageError.self) { try ExportTable(symvers: "0xzz\tname\tvmlinux\tEXPORT_SYMBOL\n") }
    }
}

@Suite struct LiveSymbolsTests {
    @Test func `tells the kernel's symbols from its modules'`() throws {
        let text = """
            ffffffff81000000 T _text
            ffffffff81000010 t same
            ffffffff81000020 t same
            ffffffffc0000000 t vlan_open\t[8021q]
            """
        let live = try LiveSymbols(parsing: Array(text.utf8))
        #expect(live.kernel.count == 3)
        #expect(live.kernel.named("same").compactMap { live.kernel.position(of: $0) } == [1, 2])
        #expect(live.modules["8021q"]?.address(of: "vlan_open") == 0xffff_ffff_c000_0000)
    }

    @Test(arguments: ["ffffffff81000000", "xyz T a", "0000000000000000 T _text", "11111111111111111 T a", ""])
    func `refuses lines that are none, and hidden addresses`(_ text: String) {
        #expect(throws: KernelImageError.self) { try LiveSymbols(parsing: Array(text.utf8)) }
    }
}

@Suite struct LiveSymbolSelectionTests {
    private static let text = """
        ffffffff81000000 T _text
        ffffffff81000100 t same
        ffffffff81000100 t alias
        ffffffff81000150 t between
        ffffffff81000190 d same
        ffffffff810001a0 T end
        ffffffffc0000000 t a\t[one]
        ffffffffc0000040 t b\t[two]
        """

    @Test(arguments: [1, 7, 64, 4096])
    func `keeps what is asked for, with the extents and numbers of the whole`(_ piece: Int) throws {
        let bytes = Array(Self.text.utf8)
        var reader = LiveSymbols.Reader(.init(names: ["same", "end"], modules: ["two"]))
        for start in stride(from: 0, to: bytes.count, by: piece) {
            try reader.read(bytes[start..<min(start + piece, bytes.count)])
        }
        let symbols = try reader.finish()
        let same = symbols.kernel.named("same")
        #expect(same.map(\.address) == [0xffff_ffff_8100_0100, 0xffff_ffff_8100_0190])
        #expect(same.map { symbols.kernel.extent(of: $0) } == [0x50, 0x10])
        #expect(symbols.kernel.named("between").isEmpty && symbols.modules.keys.sorted() == ["two"])
        #expect(symbols.kernel.position(of: same[1]) == 2)
    }
}
