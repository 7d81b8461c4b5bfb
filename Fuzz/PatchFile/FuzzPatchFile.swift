import Linux
import LivePatch

/// Entry point of libFuzzer: opens made-up bytes as a patch file; what is accepted must write again.
@_cdecl("LLVMFuzzerTestOneInput")
public func fuzzPatchFile(_ start: UnsafePointer<UInt8>?, _ count: Int) -> CInt {
    // libFuzzer passes the start of `count` bytes that stay valid during the call.
    let bytes = unsafe Array(UnsafeBufferPointer(start: start, count: count))
    if let file = try? PatchFile(ByteStorage(bytes)) {
        precondition((try? file.patch.encoded()) != nil, "an accepted patch can't be written")
    }
    return 0
}
