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

    private func shop(_ project: Project) throws -> SourcePackage {
        try project.shell("set -e\n" + Self.script)
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
    func `a patch that the series doesn't hold is refused, naming the series`() throws {
        let project = try Project([:])
        let source = try shop(project)
        let unpacker = DebianUnpacker(folder: project.work, report: { _ in })
        let error = #expect(throws: BuildError.self) { try unpacker.tree(of: source, without: ["other.patch"]) }
        #expect(error?.finding.code == .debianSource)
        #expect(error?.finding.description.contains("fix.patch") == true)
    }
}
