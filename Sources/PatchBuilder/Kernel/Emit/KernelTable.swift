// The tables about code that an object carries beside it, and what becomes of their records.
//
// When a function moves into a live patch, the records about it have to come along: without its exception
// table entry a bad pointer from user space becomes an oops, without its ORC entries no stack can be walked
// across it, and a lock prefix without its record stays. All these tables work alike: records of one size, the
// first field (or a named one) says which code the record is about. So there is one specification for each table
// and one algorithm for all: a record comes along if its code does.

import ELF
import Findings
import KernelImage

/// One kind of table.
struct KernelTable: Sendable, Equatable {
    /// What to do beyond copying.
    enum Policy: Sendable, Equatable {
        /// Copy the records of included code.
        case copy
        /// Copy, with the record of the same number from another table.
        case paired(String)
        /// Jump labels: the field at that offset leads to the key.
        case jumpLabel(key: Int)
        /// Static calls: likewise.
        case staticCall(key: Int)
    }

    /// The section's name.
    let section: String
    /// Bytes of a record.
    let size: Int
    /// Offset of the field that leads to the code.
    let codeField: Int
    /// What else to do.
    var policy = Policy.copy
    /// Bytes of the records of the paired table.
    var pairedSize = 0

    /// All tables that a kernel of these types has, sizes from its own type information.
    static func all(_ types: BTF) throws(BuildError) -> [KernelTable] {
        func layout(_ name: String) -> StructLayout? { try? StructLayout(name, in: types) }
        func size(_ name: String, _ usual: Int) -> Int { layout(name)?.size ?? usual }
        let alternative = layout("alt_instr")
        let jump = layout("jump_entry")
        let orc = size("orc_entry", 6)
        return [
            KernelTable(
                section: ".altinstructions", size: alternative?.size ?? 12,
                codeField: (try? alternative?.offset("instr_offset")) ?? 0),
            KernelTable(section: ".parainstructions", size: size("paravirt_patch_site", 16), codeField: 0),
            KernelTable(
                section: "__jump_table", size: jump?.size ?? 16, codeField: (try? jump?.offset("code")) ?? 0,
                policy: .jumpLabel(key: (try? jump?.offset("key")) ?? 8)),
            KernelTable(
                section: ".static_call_sites", size: size("static_call_site", 8), codeField: 0,
                policy: .staticCall(key: 4)),
            KernelTable(section: "__bug_table", size: size("bug_entry", 12), codeField: 0),
            KernelTable(section: "__ex_table", size: size("exception_table_entry", 12), codeField: 0),
            KernelTable(section: ".smp_locks", size: 4, codeField: 0),
            KernelTable(section: ".retpoline_sites", size: 4, codeField: 0),
            KernelTable(section: ".return_sites", size: 4, codeField: 0),
            KernelTable(section: ".call_sites", size: 4, codeField: 0),
            KernelTable(section: ".ibt_endbr_seal", size: 4, codeField: 0),
            KernelTable(section: ".cfi_sites", size: 4, codeField: 0),
            KernelTable(section: ".kcfi_traps", size: 4, codeField: 0),
            KernelTable(section: "__mcount_loc", size: 8, codeField: 0),
            KernelTable(section: "__patchable_function_entries", size: 8, codeField: 0),
            KernelTable(
                section: ".orc_unwind_ip", size: 4, codeField: 0, policy: .paired(".orc_unwind"), pairedSize: orc),
        ]
    }
}

/// Which sections of a kernel object mean what.
enum KernelSections {
    /// Sections whose content has no effect on a running kernel, or only on what happened at its start.
    static func isIgnored(_ name: String) -> Bool {
        ignoredPrefixes.contains(where: name.hasPrefix)
    }

    private static let ignoredPrefixes = [
        ".discard", ".modinfo", "__ksymtab", "___ksymtab", "__kcrctab", "___kcrctab", ".export_symbol", ".init",
        ".exit",
        ".initcall", "__param", ".note", ".comment", ".eh_frame", ".con_initcall", ".BTF", ".printk_index",
        ".meminit",
        ".memexit", ".devinit", ".devexit", ".tsugite", "__modver", "__llvm", ".alias",
    ]

    /// Data whose initial value only records where in the source something stands, or counts from zero.
    static func isBookkeeping(_ section: String) -> Bool {
        ["__dyndbg", "__verbose", ".data.once", ".data..once", ".printk_index"].contains {
            section == $0 || section.hasPrefix($0 + ".")
        }
    }

    /// Ordinary code and data.
    static func isPlain(_ name: String) -> Bool {
        [
            ".text", ".data", ".rodata", ".bss", ".noinstr", ".sched", ".spinlock", ".kprobes", ".ref", ".lock",
            ".softirqentry", ".irqentry", ".entry", ".cpuidle", ".altinstr_replacement", ".altinstr_aux",
            ".static_call.text", ".fixup",
        ].contains { name == $0 || name.hasPrefix($0 + ".") || name == $0 + ".text" }
    }

    /// Code that ran when the kernel or the module started.
    static func isInit(_ name: String) -> Bool {
        [".init.text", ".exit.text", ".meminit.text", ".memexit.text"].contains {
            name == $0 || name.hasPrefix($0 + ".")
        }
    }

    /// One variable per processor.
    static func isPerCPU(_ name: String) -> Bool { name.hasPrefix(".data..percpu") }
}
