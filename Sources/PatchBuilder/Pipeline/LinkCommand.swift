/// Where an object that took part in a link came from.
package enum ObjectOrigin: Sendable, Codable, Equatable {
    /// A captured compile: ``CompileCommand/id``.
    case compile(Int)
    /// A captured partial link (`ld -r`): ``LinkCommand/id``.
    case partialLink(Int)
    /// It was on the machine before the build began and outside the tree: crt1.o, libgcc.a.
    case system
    /// Made by a captured tool from data, not from code (`objcopy -I binary`, `ld -r -b binary`).
    case data
    /// Nothing that was captured made it.
    case unknown
}

/// One object among a link's inputs.
package struct LinkedObject: Sendable, Codable, Equatable {
    /// The object file, or the archive that holds it; absolute, as the build saw it.
    package var path: String
    /// Name inside the archive; nil for a plain object.
    ///
    /// A linker takes only the members that it needs.
    package var member: String?
    /// SHA-256 of the object's bytes at the moment of the link; lower-case hex.
    package var digest: String
    /// Who made it.
    package var origin: ObjectOrigin

    /// Makes one input.
    package init(path: String, member: String? = nil, digest: String, origin: ObjectOrigin) {
        self.path = path
        self.member = member
        self.digest = digest
        self.origin = origin
    }
}

/// What a link makes.
package enum LinkKind: String, Sendable, Codable {
    case executable
    case sharedLibrary = "shared-library"
    case relocatable
}

/// One run of a linker.
package struct LinkCommand: Sendable, Codable, Equatable, Identifiable {
    /// Position in ``ReproducedBuild/links``.
    package var id: Int
    /// The linker's executable, symbolic links followed.
    package var linker: String
    /// Its arguments, `argv[0]` first, response files expanded.
    package var arguments: [String]
    /// Working directory.
    package var directory: String
    /// What it makes.
    package var kind: LinkKind
    /// The file that it wrote; absolute, as the build saw it.
    package var output: String
    /// SHA-256 of that file when the linker had just written it.
    package var digest: String
    /// Where those very bytes are now (real path).
    ///
    /// The build may have stripped or moved `output` since.
    package var file: String
    /// `DT_SONAME` asked for on the command line.
    package var soname: String?
    /// Objects and archive members, in the order of the command line.
    ///
    /// Shared libraries are not listed.
    package var inputs: [LinkedObject]
    /// True if code was generated at link time: then no object is what runs.
    package var usesLTO: Bool

    /// Makes a command.
    package init(
        id: Int, linker: String, arguments: [String], directory: String, kind: LinkKind, output: String,
        digest: String, file: String, soname: String? = nil, inputs: [LinkedObject], usesLTO: Bool
    ) {
        self.id = id
        self.linker = linker
        self.arguments = arguments
        self.directory = directory
        self.kind = kind
        self.output = output
        self.digest = digest
        self.file = file
        self.soname = soname
        self.inputs = inputs
        self.usesLTO = usesLTO
    }
}
