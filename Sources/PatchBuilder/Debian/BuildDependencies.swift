// What a package needs to be built. Installing it changes the machine, so it happens only when asked for.

import Findings
import Linux

enum BuildDependencies {
    /// Refuses to go on while something is missing; installs it first if `installing`.
    static func satisfy(
        _ tree: DebianTree, _ source: SourcePackage, installing: Bool, report: @escaping ProgressReport
    ) throws(BuildError) {
        guard let missing = try missing(tree) else { return }
        if installing {
            report(BuildProgress(.reproduce, "installing what \(source.name) is built with"))
            let install = Command(
                "apt-get",
                [
                    "-qq", "-y", "--no-install-recommends", "--arch-only", "-Pnocheck", "-oDPkg::Lock::Timeout=600",
                    "build-dep", source.path,
                ], environment: Environment.current + ["DEBIAN_FRONTEND=noninteractive"], timeout: .seconds(3_600))
            let result = try run(install)
            if result.succeeded, try self.missing(tree) == nil { return }
            throw refusal(source, missing).adding("apt-get", String(result.errorText.suffix(600)))
        }
        throw refusal(source, missing)
    }

    private static func refusal(_ source: SourcePackage, _ missing: String) -> BuildError {
        BuildError(
            .debianDependencies, "packages that \(source.name) is built with aren't installed",
            evidence: ["missing": missing],
            remedy:
                "Add --clean-root to build in a throw-away root, or --install-dependencies (as root) to install "
                + "them here; apt-get build-dep \(source.path) does the same by hand.")
    }

    /// The unmet dependencies; nil if there are none.
    private static func missing(_ tree: DebianTree) throws(BuildError) -> String? {
        let result = try run(
            Command("dpkg-checkbuilddeps", ["-B", "-Pnocheck"], directory: tree.path, timeout: .seconds(120)))
        if result.succeeded { return nil }
        let text = result.errorText.split(separator: "\n").joined(separator: " ")
        return text.firstRange(of: "dependencies: ").map { String(text[$0.upperBound...]) } ?? text
    }

    private static func run(_ command: Command) throws(BuildError) -> CommandResult {
        do throws(SystemError) {
            return try command.run()
        } catch {
            throw BuildError(
                .debianTools, "\(command.program) can't be run",
                evidence: ["program": command.program, "errno": error.errno.name])
        }
    }
}
