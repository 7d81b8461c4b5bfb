// A kernel source tree made ready to compile single files exactly as the distributor did.
//
// Only what compiling needs is built: the configuration of the headers package, the generated headers, and
// objtool. That takes a quarter of a minute once; objects come one at a time when a fix needs them. The tree is
// built outside of the source, which stays as it was unpacked.
//
// Three things have to be the distributor's own, or the code won't be: the configuration (a changed option
// may change the layout of a structure everywhere), the compiler to its last patch, and the way objtool is run.
// The first two are checked here, the third is in the saved compile lines. The last word has the proof.

import Findings
import Linux

struct KernelTree: Sendable {
    let package: KernelPackage
    /// Where objects go.
    let build: String
    /// The folder with the build folder, its lock and its notes.
    let folder: String
    /// The compiler's name, as the kernel's own makefiles call it.
    let compiler: String

    /// Opens a tree, preparing it if that wasn't done yet.
    ///
    /// - Parameter folder: kept between fixes for the same kernel.
    static func open(_ package: KernelPackage, folder: String, jobs: Int) throws(BuildError) -> KernelTree {
        let compiler = try checkCompiler(package)
        try WorkFolder.make(folder + "/build")
        let tree = KernelTree(package: package, build: folder + "/build", folder: folder, compiler: compiler)
        try TextExchange(tree: package.source, folder: folder).recover()
        if (try? FileSystem.readText(tree.stamp)) != tree.identity {
            // Of another place, if of any: what was prepared there names its sources by full paths.
            try WorkFolder.remove(tree.build)
            try WorkFolder.make(tree.build)
            try tree.prepare(jobs)
        }
        return tree
    }

    /// What the prepared folder is true for.
    private var identity: String { "\(package.release)\n\(package.source)\n\(build)\n" }

    private var stamp: String { folder + "/prepared" }

    private func prepare(_ jobs: Int) throws(BuildError) {
        let wanted = try WorkFolder.read(package.configuration)
        try WorkFolder.write(wanted, to: build + "/.config")
        _ = try make(["olddefconfig"])
        try checkConfiguration(wanted)
        let result = try make(["-j\(jobs)", "prepare", "modules_prepare"])
        guard result.succeeded else { throw Self.failed("the tree can't be prepared", result) }
        try WorkFolder.write(Array(identity.utf8), to: stamp)
    }

    /// Runs make in the build folder.
    func make(_ targets: [String]) throws(BuildError) -> CommandResult {
        let command = Command(
            "make",
            [
                "-s", "-C", package.source, "ARCH=x86", "CC=\(compiler)", "KERNELRELEASE=\(package.release)",
                "O=\(build)",
            ] + targets, environment: Self.environment)
        do throws(SystemError) { return try command.run() } catch { throw BuildError(error, path: "make") }
    }

    /// The build's environment: nothing of ours may change what the makefiles do.
    static var environment: [String] {
        ["PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL=C", "HOME=/nonexistent"]
    }

    private func checkConfiguration(_ wanted: [UInt8]) throws(BuildError) {
        let (before, after) = (Self.options(wanted), Self.options(try WorkFolder.read(build + "/.config")))
        let changed = before.symmetricDifference(after).sorted()
        guard !changed.isEmpty else { return }
        let isPahole = changed.contains { $0.contains("PAHOLE") }
        throw BuildError(
            .kernelSource, "the kernel's configuration changes on this machine",
            evidence: ["options": changed.prefix(12).joined(separator: ", ")],
            remedy: isPahole
                ? "Install the package dwarves: with another pahole, or none, structures get another layout."
                : "Install the tools with which the kernel was built; the options name what differs.")
    }

    private static func options(_ text: [UInt8]) -> Set<Substring> {
        Set(
            String(decoding: text, as: UTF8.self).split(separator: "\n").filter {
                $0.hasPrefix("CONFIG_") || $0.hasPrefix("# CONFIG_")
            })
    }

    /// The compiler that the configuration names, if it is the very same.
    private static func checkCompiler(_ package: KernelPackage) throws(BuildError) -> String {
        guard let text = try package.option("CC_VERSION_TEXT"), let name = text.split(separator: " ").first else {
            throw BuildError(.kernelSource, "the configuration doesn't name its compiler")
        }
        guard name.contains("gcc") else {
            throw BuildError(
                .kernelSource, "a kernel made by \(name) isn't supported", evidence: ["compiler": text])
        }
        let result = try? Command(String(name), ["--version"], environment: environment).run()
        let found = result?.outputText.split(separator: "\n").first.map(String.init) ?? "none"
        guard found == text else {
            throw BuildError(
                .kernelSource, "the kernel was made by another compiler",
                evidence: ["kernel's": text, "here": found], remedy: "Install the package of \(text).")
        }
        return String(name)
    }

    /// A tool's failure, in its own words.
    static func failed(
        _ what: String, _ result: CommandResult, _ code: FindingCode = .kernelSource, remedy: String? = nil
    ) -> BuildError {
        let lines = (result.errorText + result.outputText).split(separator: "\n")
        let errors = lines.filter { $0.contains("error") || $0.contains("***") }
        let shown = errors.isEmpty ? lines.suffix(6) : errors.prefix(6)
        return BuildError(
            code, what, evidence: ["output": shown.joined(separator: " | ")],
            remedy: remedy ?? "Install make, flex, bison, bc, libelf-dev, libssl-dev and dwarves, then run again.")
    }
}
