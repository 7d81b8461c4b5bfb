import Channel

/// Entry point of libFuzzer: the bytes are a metadata file, an archive, a pattern and a path.
///
/// Any trap, sanitizer report or time-out is a finding; libFuzzer keeps the bytes in a file.
@_cdecl("LLVMFuzzerTestOneInput")
public func fuzzChannel(_ start: UnsafePointer<UInt8>?, _ count: Int) -> CInt {
    // libFuzzer passes the start of `count` bytes that stay valid during the call.
    let bytes = unsafe Array(UnsafeBufferPointer(start: start, count: count))
    guard ChannelExercise.survives(bytes) else { fatalError("a value doesn't survive being written") }
    return 0
}
