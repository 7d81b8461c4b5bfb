import ELF
import TestSupport
import Testing

@testable import KernelImage

/// The boot images are read once for all tests of this target.
enum Images {
    static let newest = KernelFixture.image.map { fixture in Result { try KernelBinary(reading: fixture.bootImage) }
    }
    static let other = KernelFixture.other.map { fixture in Result { try KernelBinary(reading: fixture.bootImage) }
    }

    static func all() throws -> [KernelBinary] {
        try [newest, other].compactMap { try $0?.get() }
    }
}

@Suite(.enabled(if: KernelFixture.image != nil, "the package manager offers no cloud kernel with its source"))
struct KernelBinaryTests {
    @Test func `reads the newest kernel of each series`() throws {
        for kernel in try Images.all() {
            #expect(kernel.symbols.count > 50_000)
            #expect(kernel.banner.hasPrefix("Linux version \(kernel.release) "))
            #expect(kernel.buildID.bytes.count == 20)
        }
        #expect(try Images.newest?.get().release == KernelFixture.image?.release)
    }

    @Test func `symbols lie in the sections that their kind says`() throws {
        for kernel in try Images.all() {
            let text = try #require(try kernel.section(".text"))
            #expect(kernel.symbols.address(of: "_stext") ?? 0 >= text.address)
            let schedule = try #require(kernel.symbols.named("schedule").first)
            #expect(schedule.isCode && schedule.isGlobal)
            #expect(schedule.address > text.address && schedule.address < text.address + UInt64(text.bytes.count))
        }
    }

    @Test func `type information gives the layouts of live patching`() throws {
        for kernel in try Images.all() {
            let types = try BTF(try #require(try kernel.section(".BTF")).bytes)
            let function = try StructLayout("klp_func", in: types)
            #expect(try function.offset("old_name") == 0)
            #expect(try function.offset("new_func") == 8)
            #expect(try function.offset("old_sympos") == 16)
            #expect(function.size >= 100)
            let module = try StructLayout("module", in: types)
            #expect(try module.offset("name") > 0 && module.has("init") && !module.has("nothing"))
            // A structure inside without a name: its members count.
            #expect(try StructLayout("page", in: types).has("_refcount"))
        }
    }

    @Test func `refuses what is no kernel`() {
        #expect(throws: KernelImageError.self) { try KernelBinary(reading: "/bin/true") }
        #expect(throws: KernelImageError.self) { try KernelBinary(reading: "/etc/passwd") }
        #expect(throws: KernelImageError.self) { try KernelBinary(reading: "/nonexistent") }
    }
}
