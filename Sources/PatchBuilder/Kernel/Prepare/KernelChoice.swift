import Findings
import Linux

/// Which kernel a patch is built for.
package enum KernelChoice: Sendable, Equatable {
    /// The one that runs here.
    case running
    /// The newest one of the package manager that has its source beside it.
    case newest
    /// A release, as uname(2) tells it, or the name of its image package.
    case release(String)
    /// Package files: image, headers, source.
    case packages([String])
    /// A folder into which such packages were unpacked, with the source in `source`.
    case folder(String)

    /// Reads what was given on the command line: nothing or `running`, `newest`, a release, a package, a folder, files.
    package init(_ words: [String]) throws(BuildError) {
        let files = words.filter { $0.hasSuffix(".deb") }
        switch words.first {
        case nil, "running": self = .running
        case "newest": self = .newest
        case _ where files.count == words.count: self = .packages(words)
        case let word? where words.count == 1 && word.contains("/"): self = .folder(word)
        case let word? where words.count == 1:
            let image = "linux-image-"
            self = .release(word.hasPrefix(image) ? String(word.dropFirst(image.count)) : word)
        default:
            throw BuildError(
                .kernelSource, "which kernel is meant isn't clear",
                evidence: ["given": words.joined(separator: " ")],
                remedy: "Give one release, one package, one folder, or package files only.")
        }
    }
}
