import ELF
import LivePatch

/// Where everything lies in the memory that a patch takes up beside one module.
///
/// One image serves one module:
///
///     | header | code, read-only data, .eh_frame | jump stubs | slots |   | registrations | data, bss |
///     |<--------------- code part: r-x ----------------------------->|   |<---------- rw- ---------->|
///
/// Both parts start on a page. The header is inside the first part, so that whoever sees the mapping can read
/// what it is. Nothing is ever writable and executable at once: both parts are written through the file behind
/// them before they are mapped, and through `/proc/PID/mem` later. All offsets count from the image's first
/// byte, in bytes; the layout doesn't depend on addresses, so it is known before a place is looked for.
struct ImageLayout: Equatable {
    /// The system's page size.
    static let page: UInt64 = 4096
    /// One stub: `endbr64; jmp *slot(%rip)`, padded.
    static let stubSize: UInt64 = 16

    /// Room for what the unwinder of the C++ runtime notes of one table (`struct object` of libgcc, 56 bytes).
    static let registrationSize: UInt64 = 64

    /// One 8-byte slot of the image's own global offset table; two in a row for the pairs.
    enum Slot: Hashable {
        /// The address of a symbol.
        case address(Int)
        /// A thread-local variable's offset from the thread pointer.
        case threadOffset(Int)
        /// The pair (module, offset) that `__tls_get_addr` takes.
        case threadPair(Int)
        /// The pair (module, 0).
        case modulePair

        /// 8 or 16.
        var size: UInt64 {
            switch self {
            case .address, .threadOffset: 8
            case .threadPair, .modulePair: 16
            }
        }
    }

    /// Bytes reserved for the header, whole pages.
    let headerSize: UInt64
    /// Where each loaded section starts.
    let sections: [Int: UInt64]
    /// Where each slot lies.
    let slots: [Slot: UInt64]
    /// Where the stub for each symbol lies that may be out of a direct jump's reach.
    let stubs: [Int: UInt64]
    /// Where the slots start: what `_GLOBAL_OFFSET_TABLE_` means inside the image.
    let slotStart: UInt64
    /// Length of the instructions, which start behind the header.
    let textSize: UInt64
    /// The sections that hold unwind tables, in the order of their places.
    let unwindTables: [(start: UInt64, size: UInt64)]
    /// Where the registration of each unwind table lies; empty if the process has nothing to register them with.
    let registrations: [UInt64]
    /// Length of the part that is read and executed, whole pages.
    let codeSize: UInt64
    /// Length of the part that is read and written, whole pages; 0 if there is none.
    let dataSize: UInt64

    /// Length of the whole image.
    var size: UInt64 { codeSize + dataSize }

    static func == (a: ImageLayout, b: ImageLayout) -> Bool {
        a.headerSize == b.headerSize && a.sections == b.sections && a.slots == b.slots && a.stubs == b.stubs
            && a.codeSize == b.codeSize && a.dataSize == b.dataSize && a.registrations == b.registrations
    }

    /// Lays out the sections of one target.
    ///
    /// Sizes were bounded by ``LivePatch/validate()``, so sums can't overflow.
    ///
    /// - Parameter registers: whether the unwind tables are to be registered.
    init(_ object: PatchObject, _ target: PatchTarget, headerSize: UInt64, registers: Bool = false) {
        self.headerSize = headerSize
        var places: [Int: UInt64] = [:]
        var unwind: [(start: UInt64, size: UInt64)] = []
        var at = headerSize
        func place(_ indices: [Int]) {
            for index in indices {
                let section = object.sections[index]
                at = Self.align(at, section.alignment)
                places[index] = at
                if section.name == ".eh_frame" { unwind.append((at, section.size)) }
                at += section.size
                // Unwind tables end with a zero length, which the compiler leaves to the linker's crtend.o.
                if section.name == ".eh_frame" { at += 4 }
            }
        }
        let (code, readOnly, writable) = Self.split(object, target)
        place(code)
        textSize = at - headerSize
        place(readOnly)
        let wanted = Self.slotsAndStubs(object, target)
        at = Self.align(at, Self.stubSize)
        var stubs: [Int: UInt64] = [:]
        for symbol in wanted.stubs {
            stubs[symbol] = at
            at += Self.stubSize
        }
        slotStart = at
        var slots: [Slot: UInt64] = [:]
        for slot in wanted.slots {
            slots[slot] = at
            at += slot.size
        }
        codeSize = Self.align(at, Self.page)
        at = codeSize
        let count = registers ? UInt64(unwind.count) : 0
        registrations = (0..<count).map { number in at + number * Self.registrationSize }
        at += count * Self.registrationSize
        place(writable)
        dataSize = Self.align(at, Self.page) - codeSize
        sections = places
        self.slots = slots
        self.stubs = stubs
        unwindTables = unwind
    }

    static func align(_ value: UInt64, _ alignment: UInt64) -> UInt64 {
        (value + alignment - 1) & ~(alignment - 1)
    }

    /// Executable sections first, then read-only ones; apart from them the writable ones, zeroed data last.
    private static func split(
        _ object: PatchObject, _ target: PatchTarget
    ) -> (code: [Int], readOnly: [Int], writable: [Int]) {
        let code = target.sections.filter { object.sections[$0].flags.contains(.execinstr) }
        let writable = target.sections.filter { object.sections[$0].flags.contains(.write) }
        let readOnly = target.sections.filter {
            !object.sections[$0].flags.contains(.execinstr) && !object.sections[$0].flags.contains(.write)
        }
        let filled = writable.filter { !object.sections[$0].contents.isEmpty }
        let zeroed = writable.filter { object.sections[$0].contents.isEmpty }
        return (code, readOnly, filled + zeroed)
    }

    /// What the relocations will ask for, each once, in order of first use.
    private static func slotsAndStubs(
        _ object: PatchObject, _ target: PatchTarget
    ) -> (slots: [Slot], stubs: [Int]) {
        var slots: [Slot] = []
        var stubs: [Int] = []
        var seenSlots: Set<Slot> = []
        var seenStubs: Set<Int> = []
        func want(_ slot: Slot) { if seenSlots.insert(slot).inserted { slots.append(slot) } }
        for index in target.sections {
            for relocation in object.sections[index].relocations {
                switch X86_64Relocation(rawValue: relocation.type) {
                case .gotpcrel, .gotpcrelx, .rexGotpcrelx, .got32, .got64, .gotpcrel64:
                    want(.address(relocation.symbol))
                case .gottpoff: want(.threadOffset(relocation.symbol))
                case .tlsgd: want(.threadPair(relocation.symbol))
                case .tlsld: want(.modulePair)
                case .plt32, .pc32, .pltoff64:
                    guard object.symbols[relocation.symbol].section == nil else { continue }
                    want(.address(relocation.symbol))
                    if seenStubs.insert(relocation.symbol).inserted { stubs.append(relocation.symbol) }
                default: continue
                }
            }
        }
        return (slots, stubs)
    }
}
