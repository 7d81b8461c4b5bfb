import ELF
import KernelImage
import Linux
import TestSupport

@testable import PatchBuilder

/// A small linked program at the kernel's addresses, made from objects of the test, in place of a kernel.
struct FakeKernel: KernelObject {
    let name = "vmlinux"
    let symbols: KernelSymbolTable
    let file: ELFFile
    /// Functions whose entry is recorded for tracing.
    let entries: Set<UInt64>

    static let flags = [
        "-c", "-O2", "-mcmodel=kernel", "-fno-pic", "-fno-pie", "-mno-red-zone", "-fno-asynchronous-unwind-tables",
        "-fcf-protection=none", "-pg", "-mfentry", "-mrecord-mcount", "-fno-stack-protector",
    ]

    /// Compiles sources as the kernel does, and links them in order.
    init(_ compiler: Compiler, _ sources: [(name: String, text: String)]) throws {
        var objects: [String] = []
        let start = "void __fentry__(void); asm(\".globl __fentry__; __fentry__: ret\"); void _start(void) {}"
        for (name, text) in [("start", start)] + sources {
            objects.append(try compiler.compile(text, Self.flags, name: name))
        }
        let image = compiler.path("image")
        _ = try compiler.run(
            "/usr/bin/ld",
            ["-static", "-nostdlib", "--build-id", "-Ttext=0xffffffff81000000", "--noinhibit-exec", "-o", image]
                + objects)
        file = try ELFFile(ByteStorage(reading: image))
        var builder = KernelSymbolTable.Builder()
        let sorted = try file.symbols().filter { $0.sectionIndex != nil && $0.type != .section && !$0.name.isEmpty }
            .sorted { ($0.value, $0.index) < ($1.value, $1.index) }
        for symbol in sorted {
            let isCode = symbol.type == .function || symbol.name == "__fentry__"
            let letter: UInt8 = isCode ? 0x74 : 0x64
            builder.add(
                name: symbol.name.utf8, address: symbol.value,
                kind: symbol.binding == .local ? letter : letter & ~0x20)
        }
        symbols = builder.table()
        var entries: Set<UInt64> = []
        if let table = file.section(named: "__mcount_loc") {
            let bytes = try file.rawContents(of: table)
            for at in stride(from: 0, to: bytes.count, by: 8) { entries.insert(try bytes.load(at)) }
        }
        self.entries = entries
    }

    func section(_ name: String) throws(KernelImageError) -> KernelRange? { nil }

    func contents(at address: UInt64, count: UInt64) throws(KernelImageError) -> ByteView {
        do throws(ELFError) {
            return try file.contents(atAddress: address, count: count)
        } catch {
            throw KernelImageError(.malformed(error))
        }
    }

    func importedAddress(of name: String) -> UInt64? { nil }

    /// Compiles one source as the kernel's makefiles do.
    static func plain(_ compiler: Compiler, _ text: String, name: String = "plain") throws -> ObjectModel {
        try ObjectModel(ELFFile(compiler.bytes(text, flags, name: name)), name: name).withSiblingReferences()
    }

    /// Compiles one source in sections.
    static func sectioned(_ compiler: Compiler, _ text: String, name: String) throws -> ObjectModel {
        let bytes = try compiler.bytes(text, flags + ["-ffunction-sections", "-fdata-sections"], name: name)
        return try ObjectModel(ELFFile(bytes), name: name).withSiblingReferences()
    }

    /// What a change of one source of this kernel needs, up to the closure.
    func closure(_ compiler: Compiler, pre: String, post: String) throws -> KernelClosure {
        let plain = try Self.plain(compiler, pre)
        let comparison = ObjectComparison(
            pre: try Self.sectioned(compiler, pre, name: "pre"),
            post: try Self.sectioned(compiler, post, name: "post"))
        let unit = KernelPatchUnit(
            name: "unit.c", comparison: comparison, plain: plain,
            placement: KernelPlacer.place(plain, unit: "unit.c", in: self), object: self, entries: entries)
        let tables = [KernelTable(section: "__mcount_loc", size: 8, codeField: 0)]
        var closure = KernelClosure(
            [unit], KernelResolver(kernel: symbols, exports: ExportTable(), tables: tables))
        closure.run()
        return closure
    }
}
