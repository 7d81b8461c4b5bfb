import ELF
import KernelImage

/// Entry point of libFuzzer: made-up bytes as boot image, symbol table, module, type information and symbol list.
@_cdecl("LLVMFuzzerTestOneInput")
public func fuzzKernelImage(_ start: UnsafePointer<UInt8>?, _ count: Int) -> CInt {
    // libFuzzer passes the start of `count` bytes that stay valid during the call.
    let bytes = unsafe Array(UnsafeBufferPointer(start: start, count: count))
    let view = ByteView(bytes)
    _ = try? KernelBinary(view)
    _ = try? KallsymsReader(bytes).table()
    if let types = try? BTF(view) {
        for id in types.ids { _ = try? types.type(id) }
        _ = try? StructLayout("klp_func", in: types)
    }
    if let module = try? ModuleFile(view) {
        _ = try? module.moduleStructure()
        _ = try? ModuleImage(module, kernel: KernelSymbolTable.Builder().table())
    }
    _ = try? LiveSymbols(parsing: bytes)
    _ = try? ExportTable(symvers: String(decoding: bytes, as: UTF8.self))
    return 0
}
