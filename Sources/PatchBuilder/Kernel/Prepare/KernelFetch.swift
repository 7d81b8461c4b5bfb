// Getting a distributor's kernel ready for building: its image, its headers, and the source of the very same version.
//
// Nothing is installed and no right is needed beyond the network: packages are downloaded by the package manager,
// checked by it, and unpacked into the work folder. Once there, they are used again. What can't be guessed is asked:
//
//     which version runs?                     the kernel's own build line (uname -v: "... Debian 6.1.192-2 (...)")
//     which version has a release?            apt-cache
//     which release is the newest?            the meta package, then all images, newest first
//     is its source offered?                  apt-cache madison

import Findings
import Linux

/// Finds or fetches the packages of a kernel.
package struct KernelFetch: Sendable {
    private let work: String
    private let report: @Sendable (String) -> Void

    /// Unpacks below `work`; tells what takes long.
    package init(work: String, report: @escaping @Sendable (String) -> Void = { _ in }) {
        self.work = work
        self.report = report
    }

    /// The kernel's files, ready.
    package func package(_ choice: KernelChoice) throws(BuildError) -> KernelPackage {
        switch choice {
        case .folder(let folder): return try opened(folder)
        case .packages(let files): return try unpacked(files)
        case .running:
            let release = try Self.text("/proc/sys/kernel/osrelease")
            return try fetched(
                release, version: Self.version(inBuildLine: try Self.text("/proc/sys/kernel/version")))
        case .release(let release): return try fetched(release, version: nil)
        case .newest:
            let image = try newest()
            return try fetched(image.release, version: image.version)
        }
    }

    /// The package version in the line that `uname -v` prints.
    static func version(inBuildLine line: String) -> String? {
        let words = line.split(separator: " ")
        guard let at = words.firstIndex(of: "Debian"), at + 1 < words.endIndex else { return nil }
        return String(words[at + 1])
    }

    /// `linux-source-6.1` for `6.1.0-56-cloud-amd64`.
    static func sourcePackage(_ release: String) -> String {
        let numbers = release.prefix { $0.isNumber || $0 == "." }.split(separator: ".").prefix(2)
        return "linux-source-" + numbers.joined(separator: ".")
    }
}

// MARK: - asking the package manager

extension KernelFetch {
    private func newest() throws(BuildError) -> (release: String, version: String) {
        let prefix = "linux-image-"
        let flavour = "cloud-amd64"
        let depends = try run("apt-cache", ["depends", prefix + flavour])
        let preferred = depends.split(separator: "\n").compactMap { line -> String? in
            let words = line.split { $0 == " " || $0 == "|" }
            guard words.count == 2, words[0] == "Depends:", words[1].hasPrefix(prefix) else { return nil }
            return String(words[1])
        }
        let all = try run("apt-cache", ["search", "--names-only", "^linux-image-[0-9].*-\(flavour)$"])
            .split(separator: "\n").compactMap { $0.split(separator: " ").first.map(String.init) }
            .sorted { Self.numbers($0).lexicographicallyPrecedes(Self.numbers($1)) }.reversed()
        for image in preferred + all {
            let release = String(image.dropFirst(prefix.count))
            guard let version = try version(of: image) else { continue }
            if try offers(Self.sourcePackage(release), version) { return (release, version) }
        }
        throw BuildError(
            .kernelSource, "the package manager offers no kernel with its source",
            remedy: "Run apt-get update, or name package files: --kernel IMAGE.deb HEADERS.deb SOURCE.deb.")
    }

    private static func numbers(_ name: String) -> [Int] { name.split { !$0.isNumber }.compactMap { Int($0) } }

    private func version(of package: String) throws(BuildError) -> String? {
        let text = try run("apt-cache", ["show", "--no-all-versions", package])
        return text.split(separator: "\n").first { $0.hasPrefix("Version: ") }.map { String($0.dropFirst(9)) }
    }

    private func offers(_ package: String, _ version: String) throws(BuildError) -> Bool {
        try run("apt-cache", ["madison", package]).split(separator: "\n").contains { line in
            let parts = line.split(separator: "|")
            return parts.count > 1 && parts[1].split(separator: " ").first.map(String.init) == version
        }
    }

    /// A tool's output; a tool that isn't there or fails says nothing.
    private func run(_ tool: String, _ arguments: [String]) throws(BuildError) -> String {
        do throws(SystemError) {
            return try Command(tool, arguments).run().outputText
        } catch {
            throw BuildError(
                .kernelSource, "\(tool) can't be run: \(error.errno)", evidence: ["tool": tool],
                remedy: "On a system without apt, give package files or a folder: --kernel FOLDER.")
        }
    }

    private static func text(_ path: String) throws(BuildError) -> String {
        let text = String(decoding: try WorkFolder.read(path), as: UTF8.self)
        return text.hasSuffix("\n") ? String(text.dropLast()) : text
    }
}

// MARK: - unpacking

extension KernelFetch {
    private func fetched(_ release: String, version: String?) throws(BuildError) -> KernelPackage {
        let image = "linux-image-\(release)"
        let offered = version == nil ? try self.version(of: image) : version
        guard let version = offered else {
            throw BuildError(
                .kernelSource, "the package manager knows no kernel \(release)", evidence: ["package": image],
                remedy: "apt-cache search linux-image lists them; or give package files.")
        }
        let folder = "\(work)/kernel/\(release)_\(version)"
        try exclusively(folder) { () throws(BuildError) in
            for name in [image, "linux-headers-\(release)", Self.sourcePackage(release)] {
                let done = "\(folder)/.have.\(name)"
                if FileFacts.exists(done) { continue }
                report("fetching \(name) \(version)")
                try download("\(name)=\(version)", folder)
                try WorkFolder.write([], to: done)
            }
            try unpackSource(folder)
        }
        return try KernelPackage(root: folder, release: release, source: folder + "/source")
    }

    private func download(_ package: String, _ folder: String) throws(BuildError) {
        let place = folder + "/.download"
        try WorkFolder.make(place)
        try succeed("apt-get", ["-qq", "download", package], in: place, about: package)
        for file in try files(place) where file.hasSuffix(".deb") {
            try succeed("dpkg", ["-x", "\(place)/\(file)", folder], in: place, about: file)
            do throws(SystemError) { try FileSystem.remove("\(place)/\(file)") } catch {
                throw BuildError(error, path: file)
            }
        }
    }

    private func unpacked(_ packages: [String]) throws(BuildError) -> KernelPackage {
        let key = packages.map(BuildPath.name).sorted().joined(separator: " ")
        let folder = "\(work)/kernel/files-\(Self.shortHash(key))"
        try exclusively(folder) { () throws(BuildError) in
            for path in packages where !FileFacts.exists("\(folder)/.have.\(BuildPath.name(path))") {
                report("unpacking \(BuildPath.name(path))")
                try succeed("dpkg", ["-x", path, folder], in: folder, about: path)
                try WorkFolder.write([], to: "\(folder)/.have.\(BuildPath.name(path))")
            }
            try unpackSource(folder)
        }
        return try opened(folder)
    }

    private func opened(_ folder: String) throws(BuildError) -> KernelPackage {
        let prefix = "vmlinuz-"
        let images = try files(folder + "/boot").filter { $0.hasPrefix(prefix) }
        guard let image = images.first, images.count == 1 else {
            throw BuildError(
                .kernelSource, "\(folder) holds \(images.count) kernel images, not one",
                evidence: ["folder": folder],
                remedy: "Unpack the packages of exactly one kernel into a folder of its own.")
        }
        return try KernelPackage(
            root: folder, release: String(image.dropFirst(prefix.count)), source: folder + "/source")
    }

    private func unpackSource(_ folder: String) throws(BuildError) {
        guard !FileFacts.exists(folder + "/source") else { return }
        let place = folder + "/usr/src"
        guard let archive = try files(place).first(where: { $0.hasPrefix("linux-source-") && $0.contains(".tar.") })
        else {
            throw BuildError(
                .kernelSource, "no source among the packages", evidence: ["folder": place],
                remedy: "Add the package linux-source of the image's version.")
        }
        report("unpacking the source")
        // Unpacked beside its place and moved there when it is whole.
        let half = folder + "/.source"
        try WorkFolder.make(half)
        try succeed(
            "tar", ["-xf", "\(place)/\(archive)", "-C", half, "--strip-components=1"], in: folder, about: archive)
        do throws(SystemError) { try FileSystem.rename(half, to: folder + "/source") } catch {
            throw BuildError(error, path: folder)
        }
    }

    private func files(_ folder: String) throws(BuildError) -> [String] {
        do throws(SystemError) {
            return try Directory.entries(of: folder).map(\.name).sorted()
        } catch {
            throw BuildError(
                .kernelSource, "\(folder) can't be read", evidence: ["folder": folder],
                remedy: "Give the packages of the kernel: image, headers, source.")
        }
    }

    private func succeed(_ tool: String, _ arguments: [String], in folder: String, about: String) throws(BuildError)
    {
        let result: CommandResult
        do throws(SystemError) {
            result = try Command(tool, arguments, directory: folder).run()
        } catch {
            throw BuildError(error, path: tool)
        }
        guard !result.succeeded else { return }
        throw KernelTree.failed(
            "\(tool) failed on \(about)", result,
            remedy:
                "Run apt-get update and try again; an old version may be gone: --kernel newest takes another kernel."
        )
    }

    /// One at a time for a folder: two builds for the same kernel share it.
    private func exclusively(_ folder: String, _ body: () throws(BuildError) -> Void) throws(BuildError) {
        let lock = try KernelLock.wait(folder)
        try body()
        lock.release()
    }

    private static func shortHash(_ text: String) -> String {
        var value: UInt64 = 0xcbf2_9ce4_8422_2325
        for byte in text.utf8 { value = (value ^ UInt64(byte)) &* 0x100_0000_01b3 }
        return String(value, radix: 36)
    }
}
