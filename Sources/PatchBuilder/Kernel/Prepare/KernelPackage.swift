import Findings
import KernelImage
import Linux

/// A distributor's kernel as unpacked packages: image, headers, and the source of the same version.
///
/// Nothing here has to be installed, and the machine need not run this kernel. The folder layout is Debian's:
///
///     ROOT/boot/vmlinuz-RELEASE                         linux-image-RELEASE
///     ROOT/lib/modules/RELEASE/kernel/...               linux-image-RELEASE
///     ROOT/usr/src/linux-headers-RELEASE/.config, Module.symvers
package struct KernelPackage: Sendable, Equatable {
    /// The folder into which the packages were unpacked.
    package var root: String
    /// The kernel's release, as uname(2) tells it.
    package var release: String
    /// The boot image.
    package var bootImage: String
    /// Folder of the modules.
    package var modules: String
    /// The configuration the kernel was built with, from the headers package.
    package var configuration: String
    /// Exports with their checksums, from the headers package.
    package var symvers: String
    /// Top folder of the unpacked source; its files are exchanged for a moment while a fix is compiled.
    package var source: String

    /// Finds the parts under a folder into which the packages were unpacked; `/` if they are installed.
    package init(root: String, release: String, source: String) throws(BuildError) {
        let base = root.hasSuffix("/") ? String(root.dropLast()) : root
        self.root = base
        self.release = release
        bootImage = "\(base)/boot/vmlinuz-\(release)"
        modules = "\(base)/lib/modules/\(release)"
        configuration = "\(base)/usr/src/linux-headers-\(release)/.config"
        symvers = "\(base)/usr/src/linux-headers-\(release)/Module.symvers"
        self.source = source
        let parts = [
            (bootImage, "linux-image-\(release)"), (configuration, "linux-headers-\(release)"),
            (symvers, "linux-headers-\(release)"), (source + "/Makefile", "linux-source"),
        ]
        for (path, name) in parts where !FileFacts.exists(path) {
            throw BuildError(
                .kernelSource, "\(path) isn't there", evidence: ["path": path, "package": name],
                remedy: "Install or unpack the package \(name) in the version of the image.")
        }
    }

    /// The value of an option in the configuration; `nil` if it isn't set.
    package func option(_ name: String) throws(BuildError) -> String? {
        let text = String(decoding: try WorkFolder.read(configuration), as: UTF8.self)
        for line in text.split(separator: "\n") where line.hasPrefix("CONFIG_\(name)=") {
            return String(line.dropFirst(name.count + 8)).trimming("\"")
        }
        return nil
    }

    /// Path of the file of a module, compressed or not; `nil` if the kernel has none of that name.
    ///
    /// The kernel doesn't tell `-` from `_` in names of modules.
    package func moduleFile(_ name: String) throws(BuildError) -> String? {
        try Self.moduleFile(name, below: modules)
    }

    static func moduleFile(_ name: String, below modules: String) throws(BuildError) -> String? {
        let wanted = name.replacing("-", with: "_")
        let list: String
        do throws(SystemError) {
            list = try Command("find", [modules, "-name", "*.ko*", "-type", "f"]).run().outputText
        } catch {
            throw BuildError(error, path: modules)
        }
        return list.split(separator: "\n").map(String.init).first { path in
            let file = BuildPath.name(path)
            guard let end = file.firstRange(of: ".ko") else { return false }
            return file[..<end.lowerBound].replacing("-", with: "_") == wanted
        }
    }
}

extension String {
    fileprivate func trimming(_ quote: Character) -> String {
        hasPrefix(String(quote)) && hasSuffix(String(quote)) && count >= 2 ? String(dropFirst().dropLast()) : self
    }
}

extension BuildError {
    /// An image or module that can't be read.
    init(_ error: KernelImageError) { self.init(error.finding) }
}
