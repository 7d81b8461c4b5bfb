import Findings
import Linux
import Testing

@testable import PatchBuilder

/// Source packages with patches left out, unpacked by the distribution's own tool.
@Suite struct DebianTreeTests {
    /// Makes a package of two patches to two files: `shop_1.0-1.dsc`.
    private static let script = """
        mkdir -p shop-1.0/debian/source shop-1.0/debian/patches
        cd shop-1.0
        echo 'int price = 250;' > price.c; echo 'int loaves = 2;' > loaves.c
        tar -czf ../shop_1.0.orig.tar.gz --exclude=debian -C .. shop-1.0
        echo '3.0 (quilt)' > debian/source/format
        printf 'Source: shop\\nMaintainer: Nobody <nobody@example.org>\\n\\nPackage: shop\\nArchitecture: any\\n' > debian/control
        printf 'shop (1.0-1) unstable; urgency=low\\n\\n  * Made.\\n\\n -- Nobody <nobody@example.org>  Sat, 21 Nov 2026 12:00:00 +0000\\n' > debian/changelog
        printf -- '--- a/price.c\\n+++ b/price.c\\n@@ -1 +1 @@\\n-int price = 250;\\n+int price = 300;\\n' > debian/patches/price.patch
        printf -- '--- a/loaves.c\\n+++ b/loaves.c\\n@@ -1 +1 @@\\n-int loaves = 2;\\n+int loaves = 3;\\n' > debian/patches/fix.patch
        printf 'price.patch\\nfix.patch\\n' > debian/patches/series
        cd .. && dpkg-source --build shop-1.0
        """

    /// A third patch, which builds on the first one.
    private static let rest = #"""
        printf -- '--- a/price.c\n+++ b/price.c\n@@ -1 +1 @@\n-int price = 300;\n+int price = 310;\n' > debian/patches/rest.patch
        printf 'rest.patch\n' >> debian/patches/series
        """#

    private func shop(_ project: Project, hasRest: Bool = false) throws -> SourcePackage {
        let steps = Self.script.split(separator: "\n", omittingEmptySubsequences: false)
        let script = steps.dropLast().joined(separator: "\n") + "\n" + (hasRest ? Self.rest + "\n" : "")
        try project.shell("set -e\n" + script + (steps.last.map(String.init) ?? ""))
        let path = project.source + "/shop_1.0-1.dsc"
        let text = try FileSystem.readText(path)
        return try #require(
            SourcePackage(dsc: text, path: path, digest: "shop", architecture: "amd64"))
    }

    @Test(.enabled(if: has("dpkg-source"), "needs dpkg-dev"))
    func `what a series without one patch changes is still changed behind a build`() throws {
        let project = try Project([:])
        let source = try shop(project)
        let unpacker = DebianUnpacker(folder: project.work, report: { _ in })
        let tree = try unpacker.tree(of: source, without: ["fix"])
        #expect(tree.leftOut.map(BuildPath.name) == ["fix.patch"])
        // What dpkg-buildpackage calls before and behind the package's own rules.
        for hook in ["--before-build", "--after-build"] {
            let result = try Command("dpkg-source", [hook, tree.path], timeout: .seconds(60)).run()
            #expect(result.succeeded, "\(result.errorText)")
            #expect(try FileSystem.readText(tree.path + "/price.c") == "int price = 300;\n")
            #expect(try FileSystem.readText(tree.path + "/loaves.c") == "int loaves = 2;\n")
        }
    }

    @Test(.enabled(if: has("dpkg-source"), "needs dpkg-dev"))
    func `a series of which nothing is left is a tree without patches`() throws {
        let project = try Project([:])
        let unpacker = DebianUnpacker(folder: project.work, report: { _ in })
        let tree = try unpacker.tree(of: try shop(project), without: ["price", "fix.patch"])
        #expect(try FileSystem.readText(tree.path + "/price.c") == "int price = 250;\n")
        #expect(tree.leftOut.map(BuildPath.name) == ["price.patch", "fix.patch"])
    }

    @Test(.enabled(if: has("dpkg-source"), "needs dpkg-dev"))
    func
        `a patch that builds on one left out is left out, named as the possible rest of the fix, and can be taken`()
        throws
    {
        let project = try Project([:])
        let source = try shop(project, hasRest: true)
        let tree = try DebianUnpacker(folder: project.work, report: { _ in }).tree(of: source, without: ["price"])
        #expect(tree.leftOut.map(BuildPath.name) == ["price.patch"])
        #expect(tree.dependent.map(BuildPath.name) == ["rest.patch"])
        #expect(try FileSystem.readText(tree.path + "/price.c") == "int price = 250;\n")
        func build(_ patches: [String]) throws(BuildError) -> DebianBuild {
            let asked = DebianRequest(
                name: "shop", without: ["price"], patches: patches, workFolder: project.work,
                output: project.work, jobs: 1)
            let taken = try DebianBuild.patches(asked, tree)
            let request = BuildRequest(
                source: tree.path, patches: taken, targets: [], buildCommand: "true", output: project.work,
                workFolder: project.work, jobs: 1)
            return DebianBuild(source: source, tree: tree, request: request, notes: [])
        }
        let failure = BuildError(.postFailed, "price.c doesn't compile after the diff")
        #expect(
            try build(["price.patch"]).explained(failure).finding.remedy.contains("--patch rest.patch"))
        let both = try build(["price.patch", "rest.patch"])
        #expect(both.request.patches == tree.leftOut + tree.dependent)
        #expect(both.explained(failure) == failure)
    }

    @Test(.enabled(if: has("dpkg-source"), "needs dpkg-dev"))
    func `a patch that the series doesn't hold is refused, naming the series`() throws {
        let project = try Project([:])
        let source = try shop(project)
        let unpacker = DebianUnpacker(folder: project.work, report: { _ in })
        let error = #expect(throws: BuildError.self) { try unpacker.tree(of: source, without: ["other.patch"]) }
        #expect(error?.finding.code == .debianSource)
        #expect(error?.finding.description.contains("fix.patch") == true)
    }
}
