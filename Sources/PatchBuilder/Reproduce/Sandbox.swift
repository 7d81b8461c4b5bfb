// Running things where the copy of the tree is seen at the original's path.
//
// `__FILE__` and debug information hold paths, so a build is only reproduced to the byte if the compiler sees
// the tree where it was when the shipped file was made. A mount namespace of its own, with the copy mounted
// over that path, does this without touching anything that others see: with CAP_SYS_ADMIN directly, without it
// inside a user namespace that maps the user to himself. Where neither is allowed (some containers), the build
// sees the copy's own path, and absolute paths in the result differ; proving then says what that costs.
//
// unshare(1) and mount(8) of util-linux do the work; every Debian system has them.

import Findings
import Linux

struct Sandbox: Sendable {
    /// How the tree gets to its path.
    enum Method: String, Codable, Sendable {
        /// A mount namespace.
        case mountNamespace = "mount-namespace"
        /// A user and a mount namespace.
        case userNamespace = "user-namespace"
        /// Not at all.
        case none
    }

    let method: Method
    let tree: BuildTree

    /// The sandbox in which `build` was made.
    ///
    /// - Throws: if it can't be made now: running its commands anyway would compile another tree.
    init(of build: ReproducedBuild) throws(BuildError) {
        if build.tree.seen == build.tree.copy {
            self.init(method: .none, tree: build.tree)
            return
        }
        self = Self.choose(seen: build.tree.seen, copy: build.tree.copy)
        guard tree == build.tree else {
            throw BuildError(
                .workFolder, "the tree can't be mounted where it was built",
                evidence: ["path": build.tree.seen, "copy": build.tree.copy],
                remedy: "Run as the user who made this build, or build again with --redo reproduce.")
        }
    }

    private init(method: Method, tree: BuildTree) {
        self.method = method
        self.tree = tree
    }

    /// Tries what this machine allows.
    ///
    /// - Parameters:
    ///   - seen: where the build should see the tree. It must exist as a folder.
    ///   - copy: where the tree is.
    static func choose(seen: String, copy: String) -> Sandbox {
        for method in [Method.mountNamespace, .userNamespace] {
            let sandbox = Sandbox(method: method, tree: BuildTree(seen: seen, copy: copy))
            if let result = try? sandbox.command(["true"], directory: seen, environment: nil).run(),
                result.succeeded
            {
                return sandbox
            }
        }
        return Sandbox(method: .none, tree: BuildTree(seen: copy, copy: copy))
    }

    /// Arguments as a command that runs them in `directory`, which is a path as the build sees it.
    ///
    /// - Parameter program: the first of `arguments`; found along `PATH` if it holds no slash.
    func command(_ arguments: [String], directory: String, environment: [String]?) -> Command {
        guard method != .none else {
            return Command(
                arguments.first ?? "true", Array(arguments.dropFirst()), environment: environment,
                directory: directory)
        }
        var unshare = ["--mount", "--propagation", "private"]
        if method == .userNamespace { unshare += ["--user", "--map-current-user", "--keep-caps"] }
        let script = "mount --bind -- \"$1\" \"$2\" && cd -- \"$3\" && shift 3 && exec \"$@\""
        return Command(
            "/usr/bin/unshare",
            unshare + ["--", "/bin/sh", "-c", script, "sh", tree.copy, tree.seen, directory] + arguments,
            environment: environment, directory: "/")
    }
}
