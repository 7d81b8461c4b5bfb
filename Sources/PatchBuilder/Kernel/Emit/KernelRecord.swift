/// One record of a table about included code.
struct KernelRecord: Hashable {
    /// Index of the unit.
    let unit: Int
    /// Index into the sections of the post object.
    let section: Int
    /// Where it starts there, in bytes.
    let at: Int
    /// Which table.
    let table: KernelTable

    static func == (left: KernelRecord, right: KernelRecord) -> Bool {
        left.unit == right.unit && left.section == right.section && left.at == right.at
    }

    func hash(into hasher: inout Hasher) {
        hasher.combine(unit)
        hasher.combine(section)
        hasher.combine(at)
    }
}

/// Reads the records of one section.
struct KernelRecordReader {
    private let model: ObjectModel
    let section: Int
    let table: KernelTable

    init(_ model: ObjectModel, _ section: Int, _ table: KernelTable) {
        self.model = model
        self.section = section
        self.table = table
    }

    /// Where the records start.
    var starts: StrideThrough<Int> {
        stride(from: 0, through: model.sections[section].contents.count - table.size, by: table.size)
    }

    /// The references of the record that starts at `at`.
    func references(_ at: Int) -> ArraySlice<Reference> {
        let all = model.sections[section].references
        return all[all.firstIndex(from: at)..<all.firstIndex(from: at + table.size)]
    }

    /// The reference in a field of that record.
    func reference(_ at: Int, field: Int) -> Reference? { references(at).first { $0.offset == at + field } }

    /// The bytes of that record, references zeroed.
    func bytes(_ at: Int) -> ArraySlice<UInt8> { model.sections[section].contents[at..<(at + table.size)] }

    /// The bytes of the record of the same number in the paired table.
    func pairedBytes(_ at: Int) -> ArraySlice<UInt8>? {
        guard case .paired(let name) = table.policy, let other = model.sections.first(where: { $0.name == name })
        else {
            return nil
        }
        let start = at / table.size * table.pairedSize
        guard start + table.pairedSize <= other.contents.count else { return nil }
        return other.contents[start..<(start + table.pairedSize)]
    }
}
