/// The eight stages from a source diff to a patch file, in order.
///
/// Each stage reads only the results before it and leaves one readable result; see ``StageStore``.
package enum BuildStage: String, CaseIterable, Sendable, Codable, Comparable {
    /// Build the unpatched tree once and capture every compile and link.
    case reproduce
    /// Compare what was built with the shipped target.
    case prove
    /// Apply the diff and rewrite it so that `__LINE__` stays put in untouched code.
    case stabilise
    /// Compile the translation units that the diff reaches, before and after.
    case compileTwice = "compile-twice"
    /// Correlate symbols and sections of both compiles.
    case compare
    /// Say for each function why it is in the patch.
    case explain
    /// Find every symbol that the new code needs.
    case resolve
    /// Write the patch file.
    case package

    /// Position in the pipeline, from 0.
    package var position: Int { Self.allCases.firstIndex(of: self) ?? 0 }

    package static func < (left: BuildStage, right: BuildStage) -> Bool { left.position < right.position }
}

/// One step of progress, for a terminal or a log.
package struct BuildProgress: Sendable, Equatable {
    /// The stage under way.
    package var stage: BuildStage
    /// What is being done, a short phrase: `compiling src/http.c`.
    package var detail: String
    /// How much of the stage is done, 0 to 1; nil when that can't be known.
    package var fraction: Double?

    /// Makes one step.
    package init(_ stage: BuildStage, _ detail: String, fraction: Double? = nil) {
        self.stage = stage
        self.detail = detail
        self.fraction = fraction
    }
}

/// Receives progress; called from any thread.
package typealias ProgressReport = @Sendable (BuildProgress) -> Void
