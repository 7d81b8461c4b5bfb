import CDwarf
import ELF
import Glibc
import Linux

/// The call frame information of one module or image of a process, read from its memory and kept by libdw.
///
/// libdw wants an ELF file, so it gets one made of nothing but the unwinding tables as they stand in memory: file
/// header, one program header of type PT_GNU_EH_FRAME, and the bytes. That works as well for deleted files, the
/// vDSO and our own images, which have no file.
@safe
final class FrameTable {
    private let range: Range<UInt64>
    /// What is added to the tables' own addresses.
    private let bias: UInt64
    private let bytes: UnsafeMutablePointer<CChar>
    private let elf: OpaquePointer
    private let cfi: OpaquePointer

    private static let largest: UInt64 = 64 << 20
    private static let headerSize = 64 + 56

    deinit {
        unsafe dwarf_cfi_end(cfi)
        unsafe elf_end(elf)
        unsafe bytes.deallocate()
    }

    /// Whether an address belongs to this module.
    func covers(_ address: UInt64) -> Bool { range.contains(address) }

    /// The tables of all modules and of our own images.
    static func all(_ session: ProcessSession) -> [FrameTable] {
        var tables: [FrameTable] = []
        for module in session.modules {
            if let table = of(module, session.memory) { tables.append(table) }
        }
        for patch in session.installed {
            for table in patch.unwindTables {
                if let table = of(patch, table, session.memory) { tables.append(table) }
            }
        }
        return tables
    }

    private static func of(_ module: LoadedModule, _ memory: ProcessMemory) -> FrameTable? {
        guard let span = module.image.span else { return nil }
        guard let tables = try? module.image.unwindTables(), let index = tables.index else {
            return fromSection(module, span, memory)
        }
        let start = min(index.lowerBound, tables.frames)
        let last = max(index.upperBound, tables.frames)
        guard let segment = module.image.segments.first(where: { $0.type == .load && holds($0, start, last) })
        else { return nil }
        let end = segment.address + segment.fileSize
        guard end - start <= largest,
            let data = try? memory.bytes(RemoteAddress(start &+ module.bias), Int(end - start))
        else { return nil }
        let part = Tables(index: index, start: start, data: data)
        return FrameTable(span, bias: module.bias, part)
    }

    /// Static programs have no index, so only the file's section table says where their tables are; the bytes
    /// come from memory all the same.
    private static func fromSection(
        _ module: LoadedModule, _ span: Range<UInt64>, _ memory: ProcessMemory
    ) -> FrameTable? {
        guard let descriptor = try? ProcessFiles.openExecutable(of: memory.process),
            let file = try? ELFFile(ByteStorage(mapping: descriptor.rawValue, path: "exe")),
            let id = try? file.buildID(), id == module.buildID, let section = file.section(named: ".eh_frame"),
            section.size <= largest, section.address > 8,
            let data = try? memory.bytes(RemoteAddress(section.address &+ module.bias), Int(section.size))
        else { return nil }
        return withoutIndex(span, bias: module.bias, at: section.address, data)
    }

    /// Tables without an index, searched from front to end.
    private static func withoutIndex(
        _ range: Range<UInt64>, bias: UInt64, at address: UInt64, _ data: [UInt8]
    ) -> FrameTable? {
        // Version, three encodings (relative, none, none), distance to the tables.
        let index: [UInt8] = [1, 0x1b, 0xff, 0xff, 4, 0, 0, 0]
        let start = address - 8
        return FrameTable(range, bias: bias, Tables(index: start..<start + 8, start: start, data: index + data))
    }

    private static func holds(_ segment: Segment, _ start: UInt64, _ last: UInt64) -> Bool {
        let (end, overflow) = segment.address.addingReportingOverflow(segment.fileSize)
        return !overflow && segment.address <= start && last <= end
    }

    private static func of(_ patch: InstalledPatch, _ table: RemoteRange, _ memory: ProcessMemory) -> FrameTable? {
        guard table.count <= largest, let end = patch.code.end, table.start.rawValue > 8,
            let data = try? memory.bytes(table.start, Int(table.count))
        else { return nil }
        return withoutIndex(patch.image.start.rawValue..<end.rawValue, bias: 0, at: table.start.rawValue, data)
    }

    /// Unwinding tables and where they belong.
    private struct Tables {
        let index: Range<UInt64>
        let start: UInt64
        let data: [UInt8]
    }

    private init?(_ range: Range<UInt64>, bias: UInt64, _ tables: Tables) {
        _ = elf_version(UInt32(EV_CURRENT))
        let file = Self.file(tables)
        let bytes = UnsafeMutablePointer<CChar>.allocate(capacity: file.count)
        for (index, byte) in file.enumerated() {
            // The index is below the capacity.
            unsafe bytes[index] = CChar(bitPattern: byte)
        }
        // Sound: the bytes outlive what libelf and libdw make of them, see deinit.
        guard let elf = unsafe elf_memory(bytes, file.count) else {
            unsafe bytes.deallocate()
            return nil
        }
        guard let cfi = unsafe dwarf_getcfi_elf(elf) else {
            unsafe elf_end(elf)
            unsafe bytes.deallocate()
            return nil
        }
        self.range = range
        self.bias = bias
        unsafe self.bytes = bytes
        unsafe self.elf = elf
        unsafe self.cfi = cfi
    }

    /// The file that libdw is given.
    private static func file(_ tables: Tables) -> [UInt8] {
        var file = [UInt8](repeating: 0, count: headerSize)
        func put<T: FixedWidthInteger>(_ value: T, _ at: Int) {
            for index in 0..<MemoryLayout<T>.size {
                file[at + index] = UInt8(truncatingIfNeeded: value >> T(index * 8))
            }
        }
        file.replaceSubrange(0..<7, with: [0x7f, 0x45, 0x4c, 0x46, 2, 1, 1])
        put(UInt16(3), 16)
        put(UInt16(62), 18)
        put(UInt32(1), 20)
        put(UInt64(64), 32)
        put(UInt16(64), 52)
        put(UInt16(56), 54)
        put(UInt16(1), 56)
        let size = UInt64(tables.index.count)
        put(SegmentType.gnuEhFrame.rawValue, 64)
        put(UInt32(4), 68)
        put(UInt64(headerSize) + (tables.index.lowerBound - tables.start), 72)
        put(tables.index.lowerBound, 80)
        put(tables.index.lowerBound, 88)
        put(size, 96)
        put(size, 104)
        put(UInt64(4), 112)
        return file + tables.data
    }

    /// The rules that hold at an address; nil if nothing is said about it.
    func rules(_ address: UInt64) -> FrameRules? {
        var frame: OpaquePointer?
        // Sound: libdw writes one pointer, to memory that is freed by FrameRules.
        guard unsafe dwarf_cfi_addrframe(cfi, address &- bias, &frame) == 0, let frame = unsafe frame else {
            return nil
        }
        return unsafe FrameRules(frame, bias: bias)
    }
}

/// How the caller's registers are found at one address.
@safe
final class FrameRules {
    /// Whether this is code that the kernel returns to from a signal handler: the frame below was interrupted,
    /// not called.
    let isSignalFrame: Bool
    private let frame: OpaquePointer
    private let bias: UInt64

    /// Takes over what dwarf_cfi_addrframe made.
    init(_ frame: OpaquePointer, bias: UInt64) {
        var signal = false
        unsafe returnRegister = Int(dwarf_frame_info(frame, nil, nil, &signal))
        isSignalFrame = signal
        unsafe self.frame = frame
        self.bias = bias
    }

    private let returnRegister: Int

    deinit { unsafe free(UnsafeMutableRawPointer(frame)) }

    /// What applying the rules came to.
    enum Outcome {
        /// The caller's registers.
        case caller(UnwindFrame)
        /// There is no caller: this is the outermost frame.
        case undefinedReturn
        /// A rule can't be followed.
        case failed
    }

    /// From the registers of a frame to those of its caller.
    func apply(to frame: UnwindFrame, _ words: inout StackWords) -> Outcome {
        guard returnRegister == UnwindFrame.returnAddress, let cfa = canonicalAddress(frame, &words) else {
            return .failed
        }
        var caller = UnwindFrame()
        for number in 0..<17 {
            switch rule(number, frame, cfa, &words) {
            case .value(let value): caller.values[number] = value
            case .same:
                caller.values[number] = number == UnwindFrame.stackPointer ? cfa : frame.values[number]
            case .undefined:
                if number == UnwindFrame.returnAddress { return .undefinedReturn }
                caller.values[number] = number == UnwindFrame.stackPointer ? cfa : nil
            case .failed: return .failed
            }
        }
        return .caller(caller)
    }

    private func canonicalAddress(_ frame: UnwindFrame, _ words: inout StackWords) -> UInt64? {
        var operations: UnsafeMutablePointer<Dwarf_Op>?
        var count = 0
        // Sound: libdw answers a pointer to `count` operations that live as long as the frame.
        guard unsafe dwarf_frame_cfa(self.frame, &operations, &count) == 0, let first = unsafe operations,
            count > 0
        else { return nil }
        var expression = FrameExpression(frame, cfa: nil)
        let list = unsafe UnsafeBufferPointer(start: first, count: count)
        return unsafe expression.evaluate(list, &words)?.value
    }

    private enum Rule {
        case value(UInt64)
        case same
        case undefined
        case failed
    }

    private func rule(_ number: Int, _ frame: UnwindFrame, _ cfa: UInt64, _ words: inout StackWords) -> Rule {
        let memory = UnsafeMutablePointer<Dwarf_Op>.allocate(capacity: 3)
        defer { unsafe memory.deallocate() }
        var operations: UnsafeMutablePointer<Dwarf_Op>?
        var count = 0
        // Sound: libdw writes at most three operations to `memory`.
        guard unsafe dwarf_frame_register(self.frame, Int32(number), memory, &operations, &count) == 0 else {
            return .failed
        }
        guard let first = unsafe operations, count > 0 else {
            return unsafe operations == nil ? .same : .undefined
        }
        var expression = FrameExpression(frame, cfa: cfa)
        let list = unsafe UnsafeBufferPointer(start: first, count: count)
        guard let found = unsafe expression.evaluate(list, &words) else { return .failed }
        if found.isValue { return .value(found.value) }
        guard let value = words.load(found.value) else { return .failed }
        return .value(value)
    }
}
