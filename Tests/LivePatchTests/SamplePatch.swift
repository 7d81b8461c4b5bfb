import ELF
import LivePatch

/// A small whole patch, built by hand: one function with a literal, a counter, a call in and a call out.
func samplePatch() -> LivePatch {
    let text = PatchObject.Section(
        name: ".text.answer", flags: [.alloc, .execinstr], alignment: 16,
        contents: [UInt8](repeating: 0x90, count: 32),
        relocations: [
            Relocation(offset: 4, type: X86_64Relocation.plt32.rawValue, symbol: 3, addend: -4),
            Relocation(offset: 12, type: X86_64Relocation.pc32.rawValue, symbol: 2, addend: -4),
        ])
    let object = PatchObject(
        sections: [
            text,
            PatchObject.Section(
                name: ".bss.counter", flags: [.alloc, .write], alignment: 8, contents: [], size: 8),
            PatchObject.Section(
                name: ".rodata.str1.1", flags: [.alloc], alignment: 1, contents: Array("fixed\0".utf8)),
        ],
        symbols: [
            PatchObject.Symbol(name: "answer", section: 0, size: 32, type: .function),
            PatchObject.Symbol(name: "counter", section: 1, size: 8, type: .object),
            PatchObject.Symbol(name: ".LC0", section: 2),
            PatchObject.Symbol(name: "puts", section: nil, binding: .global),
        ])
    let target = PatchTarget(
        name: "libanswer.so.1", buildID: BuildID(Array(1...20)), type: .shared, sections: [0, 1, 2],
        functions: [
            ReplacedFunction(
                name: "answer", address: 0x1130, size: 24, entrySkip: 4, original: Array(0..<24), replacement: 0,
                parts: [CodeRange(address: 0x1040, original: [1, 2, 3])])
        ],
        externals: [ExternalSymbol(symbol: 3, source: .lookup(name: "puts", version: "GLIBC_2.2.5", weak: false))],
        threadStorage: .slots(module: 0x4000, offset: nil, variable: 16))
    return LivePatch(
        name: "CVE-2026-0001", machine: .x86_64, changes: [Digest(of: [1])], targets: [target], object: object,
        manifest: Array("{}".utf8), diff: Array("--- a\n+++ b\n".utf8))
}
