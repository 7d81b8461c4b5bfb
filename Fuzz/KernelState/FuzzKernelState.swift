import ELF
import KernelPatcher
import LivePatch
import PatchBuilder

/// Entry point of libFuzzer: made-up bytes as kernel patch file, its description and note, a foreign module, the kernel's
/// log, a stack, and the lists of who else changes functions.
@_cdecl("LLVMFuzzerTestOneInput")
public func fuzzKernelState(_ start: UnsafePointer<UInt8>?, _ count: Int) -> CInt {
    // libFuzzer passes the start of `count` bytes that stay valid during the call.
    let bytes = unsafe Array(UnsafeBufferPointer(start: start, count: count))
    if let file = try? KernelPatchFile(bytes) {
        _ = file.patch.functionNames
        // What was read must come back as it was written.
        guard (try? KernelPatch(decoding: file.patch.encoded)) == file.patch else { fatalError("not the same") }
    }
    if let module = try? ELFFile(ByteView(bytes)) {
        _ = try? ForeignModule(module)
        var appendix = SectionAppendix(module)
        appendix.add(".mine", type: .note, flags: [.alloc], alignment: 4, contents: [1, 2, 3])
        // What is put behind a file must not make it unreadable.
        if let grown = try? appendix.encode(), (try? ELFFile(ByteView(grown))) == nil { fatalError("unreadable") }
    }
    if let patch = try? KernelPatch(decoding: bytes) {
        _ = patch.targets.flatMap(\.functions).map { $0.firstDifference(bytes) }
    }
    _ = try? KernelPatch(note: bytes)
    let text = String(decoding: bytes, as: UTF8.self)
    _ = KernelOops.find(in: text).map(\.finding)
    _ = StackFrame.trace(text)
    let half = text.count / 2
    _ = Conflicts(enabledFunctions: String(text.prefix(half)), probes: String(text.dropFirst(half)))
    return 0
}
