import ELF
import Linux

// Where in its start a process is held. The kernel tells when a library is opened, which is before it is mapped, and
// when a program is executed, which is before anything is. From there the thread is led from system call to system
// call, up to the first one at which the dynamic linker is known to be done with relocating, and no constructor has
// run:
//
//   at a start   the call that the C library's early initialisation makes (prlimit, glibc 2.34 and newer), or the
//                unmapping of the linker's cache behind a consistent list (older ones)
//   at dlopen    the write protection of the target's own relocated data (PT_GNU_RELRO), behind a consistent list
//
// Stops at system calls need no byte of the program changed, and if we die at any instant the kernel lets the thread
// go on as if nothing had been. A breakpoint would kill it then.

/// Recognises the place at which a starting thread can be changed.
struct LinkerStop {
    private enum Call {
        static let mmap: Int64 = 9
        static let mprotect: Int64 = 10
        static let munmap: Int64 = 11
        static let prlimit: Int64 = 302
    }

    /// Whether the program itself hasn't begun: the thread has no thread-local storage yet.
    let isStart: Bool
    /// Where the linker's list for debuggers is; nil if it isn't known.
    let list: RemoteAddress?
    /// The descriptor of the library that is being loaded.
    private var file: Int64?
    private var mapped: Range<UInt64>?

    /// For a thread that has just executed a program.
    init(executed list: RemoteAddress?) {
        isStart = true
        self.list = list
    }

    /// For a thread that has just opened a library.
    init(opened registers: Registers, _ list: RemoteAddress?) {
        isStart = registers.threadPointer.rawValue == 0
        self.list = list
        file = registers.systemCallAnswer
    }

    /// Where a process has its dynamic linker; nil if it has none.
    static func linkerBase(_ process: ProcessID, _ reader: inout ProcReader) -> RemoteAddress? {
        guard let base = try? reader.auxiliaryVector(of: process).interpreterBase, base.rawValue != 0 else {
            return nil
        }
        return base
    }

    /// Whether code at an address belongs to the dynamic linker that is loaded at `base`.
    static func isInLinker(_ code: RemoteAddress, _ base: RemoteAddress) -> Bool {
        // More than any has.
        code >= base && code.rawValue - base.rawValue < 4 << 20
    }

    /// Looks at the end of a system call; whether this is the place.
    mutating func isReached(_ registers: Registers, _ memory: ProcessMemory) -> Bool {
        let first = registers.dwarfRegister(5) ?? 0
        let second = registers.dwarfRegister(4) ?? 0
        switch registers.systemCall {
        case Call.mmap:
            note(registers, length: second)
            return false
        case Call.prlimit: return isStart
        case Call.munmap: return isStart && isConsistent(memory)
        case Call.mprotect:
            guard !isStart, let mapped, mapped.contains(first) else { return false }
            return isConsistent(memory)
        default: return false
        }
    }

    /// The first mapping of the library is as long as all of it.
    private mutating func note(_ registers: Registers, length: UInt64) {
        guard let file, mapped == nil, registers.systemCallAnswer > 0,
            Int64(bitPattern: registers.dwarfRegister(8) ?? 0) == file
        else { return }
        let start = UInt64(registers.systemCallAnswer)
        let (end, overflow) = start.addingReportingOverflow(length)
        if !overflow { mapped = start..<end }
    }

    /// `struct r_debug` of link.h: a list that isn't empty, in the state RT_CONSISTENT.
    private func isConsistent(_ memory: ProcessMemory) -> Bool {
        guard let list, let head = list.adding(8), let state = list.adding(24),
            let first = try? memory.word(head), let value = try? memory.word(state)
        else { return false }
        return first != 0 && value & 0xffff_ffff == 0
    }
}

/// Finds the dynamic linker's list in processes; remembered by linker.
struct LinkerLists {
    private var known: [[UInt8]: UInt64?] = [:]
    private static let sample = 1024

    /// Where the list is in a process.
    mutating func find(_ base: RemoteAddress, _ memory: ProcessMemory) -> RemoteAddress? {
        // The first bytes hold headers and build-id: two linkers never agree in them.
        guard let sample = try? memory.bytes(base, Self.sample) else { return nil }
        if known[sample] == nil { known[sample] = .some(Self.offset(base, memory)) }
        return (known[sample] ?? nil).flatMap { base.adding($0) }
    }

    private static func offset(_ base: RemoteAddress, _ memory: ProcessMemory) -> UInt64? {
        guard let image = try? MemoryImage(headerAt: base.rawValue, memory.source()),
            let found = try? image.dynamicSymbols()?.find("_r_debug", version: nil), !found.symbol.isUndefined
        else { return nil }
        return found.symbol.value &+ image.bias &- base.rawValue
    }
}
