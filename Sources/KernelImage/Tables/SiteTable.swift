// Tables of the places in the kernel's code that the kernel rewrites while it runs.
//
// Code in memory differs from code in the image, and every difference is announced in a table: when the
// processor is known, alternatives, paravirtual calls, return thunks and retpolines are replaced; function
// tracing, jump labels and static calls are switched on and off; lock prefixes go when there is one processor.
// A difference that no table explains means that the code isn't what it should be.
//
// On shipped x86-64 kernels these were all differences between memory and image but for the trampolines of static
// calls (`__SCT__*`), which are code that is rewritten as a whole and no function of the source.

import ELF

/// One place in code that the kernel may rewrite.
public struct CodeSite: Sendable, Equatable {
    /// Virtual address of the first byte.
    public let address: UInt64
    /// Number of bytes that may change.
    public let length: Int
}

/// The kinds of tables.
public enum SiteTable: String, Sendable, CaseIterable {
    case alternatives, paravirtualCalls, returnThunks, retpolines, callThunks, sealedBranches, lockPrefixes
    case jumpLabels, staticCalls, functionEntries

    /// The section, where it is one.
    var section: String {
        switch self {
        case .alternatives: ".altinstructions"
        case .paravirtualCalls: ".parainstructions"
        case .returnThunks: ".return_sites"
        case .retpolines: ".retpoline_sites"
        case .callThunks: ".call_sites"
        case .sealedBranches: ".ibt_endbr_seal"
        case .lockPrefixes: ".smp_locks"
        case .jumpLabels: "__jump_table"
        case .staticCalls: ".static_call_sites"
        case .functionEntries: "__mcount_loc"
        }
    }

    /// The symbols around the table, where the link put it into a larger section.
    private var bounds: (String, String)? {
        switch self {
        case .jumpLabels: ("__start___jump_table", "__stop___jump_table")
        case .staticCalls: ("__start_static_call_sites", "__stop_static_call_sites")
        case .functionEntries: ("__start_mcount_loc", "__stop_mcount_loc")
        default: nil
        }
    }

    /// Reads all sites of this table; none if the object doesn't have it.
    /// - Parameter types: the kernel's types, for the sizes of records.
    public func sites(in object: some KernelObject, types: BTF) throws(KernelImageError) -> [CodeSite] {
        var range = try object.section(section)
        if range == nil, let bounds { range = try object.range(from: bounds.0, to: bounds.1) }
        guard let range else { return [] }
        let record = try SiteRecord(self, types)
        return try reading { () throws(ELFError) in
            var sites: [CodeSite] = []
            sites.reserveCapacity(range.bytes.count / record.size)
            for at in stride(from: 0, through: range.bytes.count - record.size, by: record.size) {
                sites.append(try record.site(range, at))
            }
            return sites
        }
    }
}

/// How to read one record of a table.
private struct SiteRecord {
    let size: Int
    private let addressAt: Int
    private let isRelative: Bool
    private let length: Length

    private enum Length {
        case fixed(Int)
        case byte(at: Int)
    }

    init(_ table: SiteTable, _ types: BTF) throws(KernelImageError) {
        switch table {
        case .alternatives:
            let layout = try StructLayout("alt_instr", in: types)
            self.init(layout.size, try layout.offset("instr_offset"), .byte(at: try layout.offset("instrlen")))
        case .paravirtualCalls:
            let layout = try StructLayout("paravirt_patch_site", in: types)
            self.init(
                layout.size, try layout.offset("instr"), .byte(at: try layout.offset("len")), isRelative: false)
        case .jumpLabels: self.init(try StructLayout("jump_entry", in: types).size, 0, .fixed(5))
        case .staticCalls: self.init(try StructLayout("static_call_site", in: types).size, 0, .fixed(5))
        case .functionEntries: self.init(8, 0, .fixed(5), isRelative: false)
        case .lockPrefixes: self.init(4, 0, .fixed(1))
        case .sealedBranches: self.init(4, 0, .fixed(4))
        // A call through a retpoline may have a segment prefix before it.
        case .retpolines: self.init(4, 0, .fixed(6))
        case .returnThunks, .callThunks: self.init(4, 0, .fixed(5))
        }
    }

    private init(_ size: Int, _ addressAt: Int, _ length: Length, isRelative: Bool = true) {
        self.size = max(size, 1)
        self.addressAt = addressAt
        self.length = length
        self.isRelative = isRelative
    }

    func site(_ range: KernelRange, _ at: Int) throws(ELFError) -> CodeSite {
        let address: UInt64 = isRelative ? try range.relative(at + addressAt) : try range.bytes.load(at + addressAt)
        switch length {
        case .fixed(let count): return CodeSite(address: address, length: count)
        case .byte(let offset):
            return CodeSite(address: address, length: Int(try range.bytes.load(at + offset, as: UInt8.self)))
        }
    }
}
