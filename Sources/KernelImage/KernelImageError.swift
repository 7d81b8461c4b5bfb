public import ELF
public import Findings
public import Linux

/// A kernel image, module or table that can't be read.
public struct KernelImageError: DiagnosableError, Equatable, Sendable {
    /// What is wrong.
    public enum Kind: Equatable, Sendable {
        /// Neither a boot image nor an ELF file of a kernel.
        case notAnImage
        /// A format, version or compression that isn't read; its name.
        case unsupported(String)
        /// The compressed kernel inside is damaged.
        case damagedPayload(String)
        /// The symbol table of the kernel wasn't found or contradicts itself.
        case symbols(String)
        /// Type information that contradicts itself, at an offset into it.
        case types(String, offset: Int)
        /// A section, symbol or table that must be there isn't.
        case missing(String)
        /// A structure breaks the ELF specification.
        case malformed(ELFError)
        /// A file can't be read.
        case unreadable(FileError)
        /// The system refused.
        case system(SystemError)
    }

    /// What is wrong.
    public let kind: Kind
    /// The file or object, for people; empty if the caller knows it.
    public let object: String

    /// Makes an error about an object.
    public init(_ kind: Kind, in object: String = "") {
        self.kind = kind
        self.object = object
    }

    /// The error in common terms.
    public var finding: Finding {
        switch kind {
        case .malformed(let error): return error.finding.about(object)
        case .unreadable(let error): return error.finding
        case .system(let error): return error.finding
        case .unsupported(let what):
            return Finding(.kernelImageFormat, prefix + "\(what) isn't supported", evidence: ["what": what])
                .about(object)
        case .notAnImage: return plain("neither a boot image nor an uncompressed kernel")
        case .damagedPayload(let what): return plain("the compressed kernel is damaged: \(what)")
        case .symbols(let what): return plain("the symbol table can't be read: \(what)")
        case .types(let what, let offset): return plain("type information: \(what) at offset \(offset)")
        case .missing(let what): return plain("\(what) is missing")
        }
    }

    private var prefix: String { object.isEmpty ? "" : object + ": " }

    private func plain(_ text: String) -> Finding { Finding(.kernelImage, prefix + text).about(object) }

    /// The same error with the object's name, unless it has one.
    func about(_ name: String) -> KernelImageError { object.isEmpty ? KernelImageError(kind, in: name) : self }
}

extension Finding {
    fileprivate func about(_ object: String) -> Finding {
        var copy = self
        if !object.isEmpty { copy.evidence.append(Evidence("object", object)) }
        return copy
    }
}

/// Runs reads of ELF structures, and turns their errors into this room's.
@inline(__always)
func reading<T>(_ body: () throws(ELFError) -> T) throws(KernelImageError) -> T {
    do { return try body() } catch { throw KernelImageError(.malformed(error)) }
}
