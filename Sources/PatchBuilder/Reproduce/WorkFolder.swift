// Where cached builds and stage results lie.
//
//     WORK/builds/KEY/           one unpatched tree with one build command, compiled once
//         tree/                  the copy that was built
//         links/DIGEST           linked files as the linker wrote them
//         build.log, reproduce.json
//         includes/              dependency lists, one per compile
//         lock                   held by the run that works here
//     WORK/patches/KEY/          one diff for one build: results of the later stages
//
// A result file is written beside its place and renamed, and the last file of a stage is its JSON: a folder
// without it is unfinished work and is made again.

import Findings
package import Linux

package struct WorkFolder: Sendable {
    /// Top folder; absolute.
    package let path: String

    /// `~/.cache/tsugite`, or what `XDG_CACHE_HOME` says.
    package static var standard: String {
        if let cache = Environment.value(of: "XDG_CACHE_HOME"), cache.hasPrefix("/") { return cache + "/tsugite" }
        return (Environment.value(of: "HOME") ?? "/root") + "/.cache/tsugite"
    }

    /// Takes the folder; makes it if needed.
    package init(_ path: String) throws(BuildError) {
        self.path = path
        try Self.make(path)
    }

    /// Folder of the cached build with this key.
    func build(_ key: String) -> String { "\(path)/builds/\(key)" }

    /// Folder of the later stages for the patch with this key.
    func patch(_ key: String) -> String { "\(path)/patches/\(key)" }

    /// Makes a folder with all above it.
    package static func make(_ path: String) throws(BuildError) {
        do throws(SystemError) {
            try FileSystem.makeDirectory(path)
        } catch {
            throw BuildError(error, path: path)
        }
    }

    /// Writes a result so that it is there whole or not at all.
    static func write(_ bytes: [UInt8], to path: String) throws(BuildError) {
        do throws(SystemError) {
            try FileSystem.replace(path, with: bytes)
        } catch {
            throw BuildError(error, path: path)
        }
    }

    /// Reads a file that must be there.
    static func read(_ path: String) throws(BuildError) -> [UInt8] {
        do throws(SystemError) {
            return try FileSystem.read(path)
        } catch {
            throw BuildError(error, path: path)
        }
    }

    /// Removes a folder with all in it.
    static func remove(_ path: String) throws(BuildError) {
        do throws(SystemError) {
            try Directory.removeTree(path)
        } catch {
            throw BuildError(error, path: path)
        }
    }
}

extension BuildError {
    /// The system's refusal in terms of the work folder; a full disk is named as such.
    package init(_ error: SystemError, path: String) {
        if error.errno == .noSpace || error.errno.name == "EDQUOT" {
            self.init(.noSpace, "no space left for \(path)", evidence: ["path": path, "call": error.call])
        } else {
            self.init(
                .workFolder, "\(path) can't be used: \(error.errno)",
                evidence: ["path": path, "call": error.call, "errno": error.errno.name])
        }
    }
}
