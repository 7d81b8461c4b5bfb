import ELF
import TestSupport

/// Entry point of libFuzzer: reads everything from the bytes that it made up.
///
/// Any trap, sanitizer report or time-out is a finding; libFuzzer keeps the bytes in a file.
@_cdecl("LLVMFuzzerTestOneInput")
public func fuzzELF(_ start: UnsafePointer<UInt8>?, _ count: Int) -> CInt {
    // libFuzzer passes the start of `count` bytes that stay valid during the call.
    let bytes = unsafe Array(UnsafeBufferPointer(start: start, count: count))
    _ = ELFExercise(ByteView(bytes))
    return 0
}
