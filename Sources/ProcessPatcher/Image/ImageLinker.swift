import ELF
import LivePatch

/// Links new code for its place in one process: a pure function from bytes and addresses to bytes.
///
/// What is special, compared with any other linker: a function that the patch replaces has two addresses, the
/// old entry and the new code. Programs compare and store function pointers, so everything that *takes the
/// address* must see the old entry, which leads to the new code through its trampoline; otherwise a pointer
/// taken by new code would differ from one taken by old code, and would dangle after an undo. Direct calls and
/// jumps, which no one can observe, go to the new code at once. Unwind tables describe the new code, so they
/// mean the new code.
struct ImageLinker {
    let input: LinkInput
    private let entries: [Location: UInt64]
    /// A place in the patch's object.
    private struct Location: Hashable {
        let section: Int
        let offset: UInt64
    }

    /// Links; everything that doesn't fit is a typed error that names the symbol.
    static func link(_ input: LinkInput) throws(LinkError) -> LinkedImage {
        let linker = ImageLinker(input)
        var image = LinkedImage(
            code: [UInt8](repeating: 0, count: Int(input.layout.codeSize)),
            data: [UInt8](repeating: 0, count: Int(input.layout.dataSize)))
        for index in input.target.sections { try linker.load(index, into: &image) }
        try linker.fillSlots(&image.code)
        linker.fillStubs(&image.code)
        return image
    }

    private init(_ input: LinkInput) {
        self.input = input
        var entries: [Location: UInt64] = [:]
        for function in input.target.functions {
            let symbol = input.object.symbols[function.replacement]
            guard let section = symbol.section else { continue }
            entries[Location(section: section, offset: symbol.value)] = input.bias &+ function.address
        }
        self.entries = entries
    }

    /// Copies a section to its place with everything filled in.
    private func load(_ index: Int, into image: inout LinkedImage) throws(LinkError) {
        guard let place = input.layout.sections[index] else { return }
        let section = input.object.sections[index]
        var bytes = section.contents
        let context = RelocationContext(linker: self, section: section, address: input.base &+ place)
        for relocation in section.relocations { try context.apply(relocation, to: &bytes) }
        if place < input.layout.codeSize {
            image.code.replaceSubrange(Int(place)..<Int(place) + bytes.count, with: bytes)
        } else {
            let start = Int(place - input.layout.codeSize)
            image.data.replaceSubrange(start..<start + bytes.count, with: bytes)
        }
    }

    // MARK: Addresses of symbols

    /// Where a symbol is if one jumps to it.
    func codeAddress(_ index: Int) -> UInt64? {
        let symbol = input.object.symbols[index]
        if let section = symbol.section {
            return input.layout.sections[section].map { input.base &+ $0 &+ symbol.value }
        }
        if case .address(let address)? = input.externals[index] { return address }
        return nil
    }

    /// The address that a pointer to (symbol + addend) has to hold: the old entry for a replaced function.
    func pointer(_ index: Int, _ addend: Int64) -> UInt64? {
        let symbol = input.object.symbols[index]
        let offset = symbol.value &+ UInt64(bitPattern: addend)
        if let section = symbol.section, let entry = entries[Location(section: section, offset: offset)] {
            return entry
        }
        return codeAddress(index).map { $0 &+ UInt64(bitPattern: addend) }
    }

    /// A thread-local symbol's offset into the target's TLS segment.
    func threadLocalOffset(_ index: Int) -> UInt64? {
        if case .threadLocal(let offset)? = input.externals[index] { return offset }
        return nil
    }

    func slotAddress(_ slot: ImageLayout.Slot) -> UInt64? {
        input.layout.slots[slot].map { input.base &+ $0 }
    }

    func stubAddress(_ symbol: Int) -> UInt64? { input.layout.stubs[symbol].map { input.base &+ $0 } }

    // MARK: Slots and stubs

    private func fillSlots(_ code: inout [UInt8]) throws(LinkError) {
        for (slot, at) in input.layout.slots {
            let values: [UInt64]
            switch slot {
            case .address(let symbol):
                guard let address = pointer(symbol, 0) else { throw error(.undefined, symbol) }
                values = [address]
            case .threadOffset(let symbol):
                guard let offset = threadLocalOffset(symbol), let block = input.threadBlock.offset else {
                    throw error(.threadStorage, symbol)
                }
                values = [UInt64(bitPattern: block) &+ offset]
            case .threadPair(let symbol):
                guard let offset = threadLocalOffset(symbol), let module = input.threadBlock.module else {
                    throw error(.threadStorage, symbol)
                }
                values = [module, offset]
            case .modulePair:
                guard let module = input.threadBlock.module else { throw error(.threadStorage, nil) }
                values = [module, 0]
            }
            for (index, value) in values.enumerated() { put(value, at: Int(at) + index * 8, &code) }
        }
    }

    private func fillStubs(_ code: inout [UInt8]) {
        for (symbol, at) in input.layout.stubs {
            guard let slot = input.layout.slots[.address(symbol)] else { continue }
            let stub = JumpEncoding.indirectStub(slotDistance: Int64(slot) - Int64(at))
            code.replaceSubrange(Int(at)..<Int(at) + stub.count, with: stub)
        }
    }

    private func put(_ value: UInt64, at offset: Int, _ code: inout [UInt8]) {
        for byte in 0..<8 { code[offset + byte] = UInt8(truncatingIfNeeded: value >> UInt64(byte * 8)) }
    }

    private func error(_ reason: LinkError.Reason, _ symbol: Int?) -> LinkError {
        LinkError(
            reason: reason, type: 0, symbol: symbol.map { input.object.symbols[$0].name } ?? "thread-local block",
            section: "slots", offset: 0)
    }
}
