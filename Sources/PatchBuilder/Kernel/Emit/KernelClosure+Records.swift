// Which records of tables come along.

import ELF
import Findings
import KernelImage

extension KernelClosure {
    mutating func collectRecords() {
        for (index, unit) in units.enumerated() {
            for table in resolver.tables {
                for (section, found) in unit.post.sections.enumerated() where found.name == table.section {
                    collect(KernelRecordReader(unit.post, section, table), unit: index)
                }
            }
        }
    }

    mutating func collect(_ reader: KernelRecordReader, unit: Int) {
        for at in reader.starts {
            guard let code = reader.reference(at, field: reader.table.codeField),
                case .entity(let entity) = code.target,
                contains(piece(unit: unit, entity: entity))
            else { continue }
            let record = KernelRecord(unit: unit, section: reader.section, at: at, table: reader.table)
            guard knownRecords.insert(record).inserted else { continue }
            if isDropped(record, reader) { continue }
            records.append(record)
            for reference in reader.references(at) { follow(reference, unit: unit, from: nil) }
        }
    }

    /// Keys of jump labels and static calls must be the kernel's own: the module loader prepares these tables
    /// before the patched module's symbols are known, and would read a key at a wrong address.
    ///
    /// A static call without its record still goes through the trampoline, which is always right. A jump label
    /// without its record stays as it was compiled, so it may be left out only if that is harmless: a tracepoint
    /// that can't be switched on in the new code. Otherwise the file has to be compiled again with plain tests of
    /// its keys.
    mutating func isDropped(_ record: KernelRecord, _ reader: KernelRecordReader) -> Bool {
        let key: Int
        switch record.table.policy {
        case .jumpLabel(let field), .staticCall(let field): key = field
        default: return false
        }
        guard let reference = reader.reference(record.at, field: key),
            case .success(.symbol(let object, let name, _)) = destination(
                of: reference, unit: record.unit, from: nil),
            object != "vmlinux"
        else { return false }
        let function =
            reader.reference(record.at, field: record.table.codeField)
            .map { units[record.unit].post.describe($0.target) } ?? ""
        if case .staticCall = record.table.policy {
            notes.append("\(function) calls through the trampoline of \(name)")
        } else if name.hasPrefix("__tracepoint_") || name.hasPrefix("descriptor.")
            || name.hasPrefix("__UNIQUE_ID_ddebug")
        {
            notes.append("\(function): \(name) can't be switched on in the new code")
        } else {
            foreignKeys[units[record.unit].name, default: []].insert(name)
            refuse(
                record.unit, function,
                "it has a jump label whose key \(name) is in the module \(object), which can't be prepared in time",
                remedy: "Use static_key_enabled(&\(name)) instead of static_branch_*() in the fix.")
        }
        return true
    }
}
