import ELF
import LivePatch

/// What an external symbol of new code turned out to be in one process.
enum ExternalValue: Equatable {
    /// An address; 0 for a weak symbol that nobody defines.
    case address(UInt64)
    /// A thread-local variable at that offset into the target's TLS segment.
    case threadLocal(offset: UInt64)
}

/// Where the target's thread-local block lies, as far as it is known.
struct ThreadBlock: Equatable {
    /// The dynamic linker's number for the module.
    var module: UInt64?
    /// The block's start as an offset from the thread pointer, if it is the same in all threads.
    var offset: Int64?
}

/// Everything that linking needs to know: no processes, no files.
struct LinkInput {
    let object: PatchObject
    let target: PatchTarget
    let layout: ImageLayout
    /// Where the image's first byte will be.
    let base: UInt64
    /// What is added to the target file's virtual addresses.
    let bias: UInt64
    /// The external symbols' values, by symbol index.
    let externals: [Int: ExternalValue]
    let threadBlock: ThreadBlock
}

/// A linked image: the bytes of its two parts, the header's place left zero.
struct LinkedImage {
    var code: [UInt8]
    var data: [UInt8]
}
