/// What a file of the tree is to the builder; decides what an edit of it means.
package enum FileRole: String, Sendable, Codable {
    /// A translation unit in C or C++.
    case source
    /// Included by translation units.
    case header
    /// Assembly: can't become a live patch.
    case assembly
    /// Input of a generator (`.y`, `.l`, `.in`): the sources made from it are what compiles.
    case generator
    /// Makefiles, configure scripts, CMake and Meson files.
    case buildSystem = "build-system"
    /// Tests: not part of what is shipped.
    case test
    /// Documents, translations, change logs, packaging.
    case document
    /// Anything else; reached only if a translation unit includes it.
    case other
}

/// One edited file, before and after.
package struct StabilisedFile: Sendable, Codable, Equatable {
    /// Path relative to the tree, after the diff (before it, if the diff removes the file).
    package var path: String
    /// Path before the diff when it was renamed.
    package var oldPath: String?
    /// The edited file of which the build had made this copy before it compiled it.
    package var copyOf: String?
    /// What the file is.
    package var role: FileRole
    /// What the diff does to it.
    package var change: Change
    /// File in the work folder with the text after the diff, `#line` directives in place.
    ///
    /// Empty if removed.
    package var postFile: String
    /// Edited regions in line numbers from 1.
    package var regions: [Region]
    /// Lines of untouched code whose `__LINE__` couldn't be kept (inside a macro's argument list).
    package var shiftedLines: Int

    /// What a diff does to a file.
    package enum Change: String, Sendable, Codable {
        case edited
        case added
        case removed
        case renamed
    }

    /// One edited region: `preCount` lines from `preStart` became `postCount` lines from `postStart`.
    package struct Region: Sendable, Codable, Equatable {
        /// First line before the diff.
        package var preStart: Int
        /// Lines before; 0 for an insertion in front of `preStart`.
        package var preCount: Int
        /// First line after the diff.
        package var postStart: Int
        /// Lines after.
        package var postCount: Int

        /// Makes a region.
        package init(preStart: Int, preCount: Int, postStart: Int, postCount: Int) {
            self.preStart = preStart
            self.preCount = preCount
            self.postStart = postStart
            self.postCount = postCount
        }
    }

    /// Makes a file.
    package init(
        path: String, oldPath: String? = nil, role: FileRole, change: Change, postFile: String,
        regions: [Region], shiftedLines: Int
    ) {
        self.path = path
        self.oldPath = oldPath
        self.role = role
        self.change = change
        self.postFile = postFile
        self.regions = regions
        self.shiftedLines = shiftedLines
    }
}

/// Result of the stage *stabilise*: every diff applied, all files ready to be swapped in.
package struct StabilisedDiff: Sendable, Codable, Equatable {
    /// Edited files, sorted by path.
    package var files: [StabilisedFile]
    /// The diffs as given, one after the other; goes into the patch file.
    package var diffFile: String
    /// SHA-256 over the diffs' bytes, in order.
    package var digest: String
    /// Position shifts, ignored files: what the reader of the report should know.
    package var notes: [String]

    /// Makes a result.
    package init(files: [StabilisedFile], diffFile: String, digest: String, notes: [String]) {
        self.files = files
        self.diffFile = diffFile
        self.digest = digest
        self.notes = notes
    }
}
