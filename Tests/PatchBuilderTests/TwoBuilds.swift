import ELF
import Findings
import Linux
import LivePatch
import TestSupport

@testable import PatchBuilder

/// A small program built before and after a change, the way the pipeline does it: objects as the real build
/// makes them, a linked file with symbols, the shipped file, and both compiles with function sections.
struct TwoBuilds {
    /// One source file before and after.
    struct Source {
        var name: String
        var pre: String
        var post: String

        /// A file that the change doesn't touch.
        init(_ name: String, _ text: String) { self.init(name, text, text) }

        init(_ name: String, _ pre: String, _ post: String) {
            self.name = name
            self.pre = pre
            self.post = post
        }
    }

    let compiler: Compiler
    let rebuilt: String
    var shipped: String
    let pairs: [(name: String, pre: String, post: String)]

    init(
        _ sources: [Source], _ flags: [String] = ["-O2", "-fPIE"], link: [String] = ["-pie"],
        driver: Compiler.Driver = .gcc, strip: Bool = false
    ) throws {
        compiler = try Compiler(driver)
        let split = ["-ffunction-sections", "-fdata-sections", "-c"]
        var objects: [String] = []
        var pairs: [(name: String, pre: String, post: String)] = []
        for source in sources {
            // Each in a folder of its own, so that the compiler sees the same name every time.
            objects.append(try Self.compile(compiler, source.name, source.pre, flags + ["-c"], "original"))
            let pre = try Self.compile(compiler, source.name, source.pre, flags + split, "pre")
            let post = try Self.compile(compiler, source.name, source.post, flags + split, "post")
            pairs.append((source.name, pre, post))
        }
        self.pairs = pairs
        // Something behind the last function, as in programs of any size.
        objects.append(
            try Self.compile(
                compiler, driver == .gxx ? "tail.cpp" : "tail.c", "int tail(int x) { return x * 9; }",
                flags + ["-c"], "original"))
        rebuilt = compiler.path("rebuilt")
        let libraries = link.filter { $0.hasPrefix("-l") }
        _ = try compiler.run(
            driver.rawValue,
            link.filter { !$0.hasPrefix("-l") } + ["-Wl,--build-id", "-o", rebuilt] + objects + libraries)
        shipped = rebuilt
        if strip {
            shipped = compiler.path("shipped")
            _ = try compiler.run("/usr/bin/strip", ["-o", shipped, rebuilt])
        }
    }

    private static func compile(
        _ compiler: Compiler, _ name: String, _ text: String, _ flags: [String], _ folder: String
    ) throws -> String {
        let place = folder + "/" + name
        _ = try compiler.run(
            "/bin/mkdir",
            ["-p", String((compiler.path(place)).dropLast(name.split(separator: "/").last?.count ?? 0))])
        let source = try compiler.write(Array(text.utf8), name: place)
        _ = try compiler.run(compilerPath(compiler), flags + ["-o", source + ".o", source])
        return source + ".o"
    }

    private static func compilerPath(_ compiler: Compiler) -> String { compiler.program }

    static func open(_ path: String) throws -> ELFFile { try ELFFile(ByteStorage(reading: path)) }

    func model(_ path: String) throws -> ObjectModel { try ObjectModel(Self.open(path), name: path) }

    /// Comparison of one source file.
    func comparison(_ index: Int = 0) throws -> ObjectComparison {
        ObjectComparison(pre: try model(pairs[index].pre), post: try model(pairs[index].post))
    }

    /// The target as the later stages get it.
    func input(libraries: [String] = ["/lib/x86_64-linux-gnu/libc.so.6", "/lib/x86_64-linux-gnu/libstdc++.so.6"])
        throws -> TargetInput
    {
        let proven = try ProvenTarget(shipped: Self.open(shipped), rebuilt: Self.open(rebuilt))
        let placer = try UnitPlacer(proven.rebuilt)
        var orders: [String: Int] = [:]
        var units: [PatchUnit] = []
        for index in pairs.indices {
            let comparison = try comparison(index)
            let source = comparison.pre.sourceName ?? ""
            let order = orders[source, default: 0]
            orders[source] = order + 1
            let placement = placer.place(comparison.pre, order: order)
            guard !comparison.isSame else { continue }
            let replaced = Set(comparison.functions.filter { $0.pre != nil && $0.post != nil }.map(\.name))
            let hasTypes = comparison.pre.file.section(named: ".debug_info") != nil
            let layout =
                hasTypes
                ? LayoutVerdict(pre: comparison.pre.file, post: comparison.post.file, replaced: replaced)
                : .compared([])
            units.append(
                PatchUnit(name: pairs[index].name, comparison: comparison, placement: placement, layout: layout))
        }
        return TargetInput(
            name: "victim", proven: proven, units: units,
            libraries: try libraries.map { try NeededLibrary(name: $0, Self.open($0)) })
    }

    func outcome() throws -> BuildOutcome {
        let identity = PatchIdentity(name: "test", changes: [Digest(of: [1])], diff: [])
        return try PatchAssembly.join(identity, [TargetPatch(input())], manifest: [])
    }

    /// The patch; fails the test if it is refused.
    func patch() throws -> LivePatch {
        switch try outcome() {
        case .patch(let patch):
            try patch.validate()
            return patch
        case .nothingToDo: throw Compiler.Failure(description: "nothing to do")
        case .refused(let refusals):
            throw Compiler.Failure(description: refusals.map(\.finding.description).joined(separator: "\n"))
        }
    }

    func refusals() throws -> [BuildError] {
        if case .refused(let refusals) = try outcome() { refusals } else { [] }
    }
}
