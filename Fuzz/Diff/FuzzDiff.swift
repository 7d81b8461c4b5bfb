import PatchBuilder

/// Entry point of libFuzzer: parses made-up bytes as a source diff.
@_cdecl("LLVMFuzzerTestOneInput")
public func fuzzDiff(_ start: UnsafePointer<UInt8>?, _ count: Int) -> CInt {
    // libFuzzer passes the start of `count` bytes that stay valid during the call.
    let bytes = unsafe Array(UnsafeBufferPointer(start: start, count: count))
    _ = try? DiffParser.parse(bytes, name: "fuzz")
    return 0
}
