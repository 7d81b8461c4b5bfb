import Findings

// Sections whose names are identifiers of C have their start and end named by the linker (`__start_x`, `__stop_x`), and
// programs walk through what all units put there. A running program's set can't grow, shrink, or have an entry replaced
// by one that lies elsewhere.

extension PatchUnit {
    /// Entries of such sets that came, went, or changed so that the old ones can't be written over.
    var linkerSetRefusals: [BuildError] {
        comparison.data.compactMap { change in
            guard let section = section(of: change), Self.isIdentifier(section), HookMark(change.name) == nil else {
                return nil
            }
            switch change.kind {
            case .newReadOnly, .newWritable, .removed: break
            case .changedReadOnly where change.runs.isEmpty: break
            default: return nil
            }
            return BuildError(
                .dataChanged, "the fix changes the linker's set \(section): \(change.name)",
                evidence: [
                    "variable": change.name, "unit": name, "change": change.reportName, "section": section,
                ])
        }
    }

    private func section(of change: DataChange) -> String? {
        if let index = change.post { return post.sections[post.entities[index].section].name }
        return change.pre.map { pre.sections[pre.entities[$0].section].name }
    }

    static func isIdentifier(_ section: String) -> Bool {
        section.utf8.first?.beginsWord == true && section.utf8.allSatisfy(\.isInWord)
    }
}
