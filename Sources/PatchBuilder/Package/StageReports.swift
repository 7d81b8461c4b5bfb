package import Findings
import LivePatch

// What the later stages leave in the work folder for people: one value per stage, all of it Codable.

/// Result of *prove*.
package struct ProveReport: Sendable, Codable, Equatable {
    /// One target.
    package struct Target: Sendable, Codable, Equatable {
        /// The shipped file.
        package var target: String
        /// The link that made its counterpart.
        package var rebuilt: String
        /// The degree of proof.
        package var proof: TargetProof
    }

    /// In the request's order.
    package var targets: [Target]
}

/// Result of *compare*.
package struct CompareReport: Sendable, Codable, Equatable {
    /// One translation unit.
    package struct Unit: Sendable, Codable, Equatable {
        /// ``CompiledPair/unit``.
        package var unit: String
        /// Functions that are the same.
        package var same: Int
        /// Functions that differ, came or went: `changed NAME at OFFSET`, `new NAME`.
        package var functions: [String]
        /// Data likewise.
        package var data: [String]
        /// Variables whose counterpart follows from order alone; worth a look.
        package var byPosition: [String]
    }

    /// In the order of the units.
    package var units: [Unit]
}

/// Result of *resolve*.
package struct ResolveReport: Sendable, Codable, Equatable {
    /// One target.
    package struct Target: Sendable, Codable, Equatable {
        /// Its name.
        package var target: String
        /// Symbols of the new code that are found elsewhere, each with the way: `printf: target 0x1030`.
        package var symbols: [String]
        /// What stands in the way.
        package var refusals: [Finding]
    }

    /// In the request's order.
    package var targets: [Target]
}

extension CompareReport.Unit {
    init(_ name: String, _ comparison: ObjectComparison) {
        unit = name
        same = comparison.sameFunctions
        functions = comparison.functions.map { change in
            switch change.status {
            case .changed(let at): "changed \(change.name) at \(hex(UInt64(at)))"
            case .family(let other): "changed \(change.name) with \(other)"
            case .usesData(let names): "changed \(change.name) for \(names.joined(separator: ", "))"
            case .new: "new \(change.name)"
            case .removed: "removed \(change.name)"
            }
        }
        data = comparison.data.map { "\($0.reportName) \($0.name)" }
        byPosition = comparison.correlation.byPosition.map { comparison.post.entities[$0].name }
    }
}

extension ExternalSymbol.Source {
    /// For reports.
    package var text: String {
        switch self {
        case .target(let address): "target \(hex(address))"
        case .slot(let address): "slot \(hex(address))"
        case .lookup(let name, let version, let weak):
            "lookup \(name)" + (version.map { "@\($0)" } ?? "") + (weak ? " weak" : "")
        case .threadLocal(let offset): "thread-local \(hex(offset))"
        }
    }
}

extension DataChange {
    /// What the change means for a running process.
    package var effect: String {
        switch kind {
        case .newReadOnly: "comes with the patch"
        case .newWritable: "comes with the patch, with its initial value"
        case .newThreadLocal: "can't be brought into running threads"
        case .ambiguous: "can't be told from another variable of its name"
        case .changedReadOnly:
            isTakenAlong
                ? "comes with the patch; every function that uses it is replaced, pointers to the old one stay"
                : runs.isEmpty
                    ? "running processes keep the old content"
                    : "written over in place, if apply is given --allow-data; undo puts the old content back"
        case .changedInitialValue: "running processes keep the value that they have"
        case .resized: "can't grow or shrink in place"
        case .moved: "stays where it is in running processes"
        case .removed: "stays in running processes, unused by new code"
        case .constructors: "running processes are past their start"
        }
    }
}
