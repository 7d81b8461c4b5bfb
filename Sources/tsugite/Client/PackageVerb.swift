import ArgumentParser
import Channel
import Client
import Console
import Findings
import Linux

/// Applies what a package of updates brought: run by the package itself, and by hand if that was switched off.
struct ApplyPackage: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "apply-package", abstract: "Apply the updates of an installed package tsugite-updates-*.",
        discussion: "The package's own archive signature vouches for it. EXIT STATUS as for upgrade.")
    @Argument(help: "The package's name.") var name: String
    @Flag(help: "Even if skip_apply_after_pkg_install is set.") var force = false
    @OptionGroup var client: ClientOptions

    func validate() throws {
        guard name.hasPrefix("tsugite-updates-"), !name.contains("/") else {
            throw ValidationError("Give a name such as tsugite-updates-libssl3.")
        }
    }

    func run() throws {
        try client.reporting {
            let folder = "\(client.root)/usr/share/tsugite/updates/\(name)"
            let bytes = try MetadataFile.read("\(folder)/catalogue.json", limit: 64 << 20)
            let catalogue = try Catalogue(JSON.parse(bytes, subject: name), subject: name)
            guard !catalogue.entries.isEmpty else {
                return Output.result("\(name): nothing yet, nothing is needed")
            }
            let session = try client.session()
            if session.configuration.skipApplyAfterPackageInstall, !force {
                return Output.result(
                    "\(name): placed, not applied (skip_apply_after_pkg_install); tsugite apply-package \(name) --force"
                )
            }
            let lock = try client.lock("apply-package")
            defer { withExtendedLifetime(lock) {} }
            let plan = try session.takePackage(name, catalogue, from: folder)
            try client.finish(try session.carryOut(plan, verb: "package"))
        }
    }
}
