/// One translation unit, compiled before and after the diff.
package struct CompiledPair: Sendable, Codable, Equatable {
    /// Stable name of the unit within one build: source path in the tree, and the compile's number when one
    /// source was compiled more than once.
    ///
    /// `src/http.c`, `src/util.c@17`.
    package var unit: String
    /// The source file, relative to the tree where it lies inside.
    package var source: String
    /// ``CompileCommand/id`` of the recorded compile.
    package var compile: Int
    /// The object as the real build made it: to prove against the shipped target.
    ///
    /// Real path.
    package var preOriginal: String
    /// Whether `preOriginal` is byte for byte the object that the captured build linked.
    ///
    /// False if it had to be compiled again and came out otherwise (`__TIME__` in it).
    package var isOriginalExact: Bool
    /// Before the diff, functions and data in sections of their own.
    ///
    /// Real path.
    package var pre: String
    /// After the diff, compiled alike.
    ///
    /// Real path.
    package var post: String
    /// Whether the recorded command asks for debug information.
    package var hasDebugInfo: Bool
    /// ``LinkCommand/id`` of the final links that this unit's object is in.
    package var links: [Int]
    /// Why the unit was compiled.
    package var reach: Reach

    /// How the diff reaches a unit.
    package enum Reach: Sendable, Codable, Equatable {
        /// The diff edits the unit's own source file.
        case source
        /// The diff edits files that the unit includes; relative paths.
        case includes([String])
    }

    /// Makes a pair.
    package init(
        unit: String, source: String, compile: Int, preOriginal: String, isOriginalExact: Bool, pre: String,
        post: String,
        hasDebugInfo: Bool, links: [Int], reach: Reach
    ) {
        self.unit = unit
        self.source = source
        self.compile = compile
        self.preOriginal = preOriginal
        self.isOriginalExact = isOriginalExact
        self.pre = pre
        self.post = post
        self.hasDebugInfo = hasDebugInfo
        self.links = links
        self.reach = reach
    }
}

/// Result of the stage *compile twice*.
package struct CompiledPairs: Sendable, Codable, Equatable {
    /// The units that the diff reaches and that are in a target.
    package var pairs: [CompiledPair]
    /// Which link stands for which target.
    package var targets: [TargetMatch]
    /// What the reader of the report should know: edited files that no unit of a target includes.
    package var notes: [String]
    /// Of a package build: every shipped file, and what became of it.
    package var shipped: [ShippedOutcome]?

    /// Makes a result.
    package init(
        pairs: [CompiledPair], targets: [TargetMatch], notes: [String], shipped: [ShippedOutcome]? = nil
    ) {
        self.shipped = shipped
        self.pairs = pairs
        self.targets = targets
        self.notes = notes
    }
}

/// One file that a package ships, and whether the diff has to do with it.
package struct ShippedOutcome: Sendable, Codable, Equatable {
    /// Its place on a system that has the package installed.
    package var place: String
    /// Its binary package.
    package var package: String
    /// Whether code that the diff reaches is in it.
    package var isReached: Bool
    /// `same-build-id`, `rebuilt` (the counterpart was built; a changed file is compared further), or
    /// `unknown` (the build makes no such file, or not of 64-bit x86).
    package var match: String

    /// Makes an outcome.
    package init(place: String, package: String, isReached: Bool, match: String) {
        self.place = place
        self.package = package
        self.isReached = isReached
        self.match = match
    }
}
