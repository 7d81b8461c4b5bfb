// From "these programs ran" to "this object was compiled by that command, and is in this link".
//
// Objects are recognised by content, never by name alone: builds move, copy, archive, delete and rename them
// (libtool does all of that). When a compiler or assembler ended, the digest of what it had written was taken;
// when a linker started, the digest of each object and archive member given to it. Equal digests are the same
// object. If several compiles made equal bytes, the one that wrote to that very path is meant, else the one
// with the same file name, else the last.
//
// A GNU driver runs one `as` per source, in the order of its command line, whatever else it runs (`cc1`, `cc1`
// twice with -save-temps, pipes). So the k-th `as` below a driver belongs to the driver's k-th source.
//
// Links that left nothing behind (configure's trials) are dropped, with the compiles that only they used.

struct BuildGraph {
    /// One object-making step, before it is known whether anything uses it.
    private struct Compile {
        var command: CompileCommand
        /// The object's content when the compiler, and when its driver, had ended.
        var digests: [String]
        var process: Int
    }

    /// Where a digest that no compiler wrote came from.
    private struct Derivation {
        var from: String
        var tool: [String]
    }

    private let log: CaptureLog
    private let children: [Int: [Int]]
    private let resolve: (String) -> String
    private var compiles: [Compile] = []
    private var makers: [String: [Int]] = [:]
    private var partialLinks: [String: Int] = [:]
    private var derived: [String: Derivation] = [:]
    private var data: Set<String> = []
    private var links: [LinkCommand] = []

    /// Compiles and links of a build.
    ///
    /// - Parameters:
    ///   - surviving: digests of linked files that the build left behind, in whatever place.
    ///   - snapshot: real path of the bytes of a linked file with a digest.
    ///   - resolve: an absolute path with symbolic links followed.
    static func make(
        from log: CaptureLog, surviving: Set<String>, snapshot: (FileStamp) -> String,
        resolve: @escaping (String) -> String
    ) -> (compiles: [CompileCommand], links: [LinkCommand]) {
        var graph = BuildGraph(log, resolve)
        graph.findCompiles()
        graph.findDerivations()
        graph.findLinks(snapshot)
        return graph.pruned(surviving)
    }

    private init(_ log: CaptureLog, _ resolve: @escaping (String) -> String) {
        self.log = log
        self.resolve = resolve
        var children: [Int: [Int]] = [:]
        for process in log.processes {
            if let parent = process.parent { children[parent, default: []].append(process.id) }
        }
        self.children = children
    }

    private func children(of id: Int) -> [CapturedProcess] { (children[id] ?? []).map { log.processes[$0] } }
}

// MARK: - compiles

extension BuildGraph {
    private mutating func findCompiles() {
        for process in log.processes where process.succeeded {
            switch process.role {
            case .assembler: fromAssembler(process)
            case .clangProper, .clangAssembler: fromClangProper(process)
            case .clangDriver: fromClangDriver(process)
            case .intelAssembler:
                let source = process.arguments.last { !$0.hasPrefix("-") } ?? "-"
                add(process, process, .init(index: 0, path: source, language: .assembly), family: .assembler)
            default: break
            }
        }
    }

    private func isDriver(_ process: CapturedProcess) -> Bool {
        if process.role == .clangDriver { return true }
        guard process.role == .other else { return false }
        if children(of: process.id).contains(where: {
            [.compilerC, .compilerCxx, .compilerOther].contains($0.role)
        }) {
            return true
        }
        // A driver that only assembles is told by its name and by a source on its command line.
        let name = BuildPath.name(process.executable)
        return ["gcc", "g++", "cc", "c++", "cpp", "gfortran"].contains { name.contains($0) }
            && !DriverArguments(process.arguments).sources.isEmpty
    }

    private mutating func fromAssembler(_ process: CapturedProcess) {
        guard let parent = process.parent.map({ log.processes[$0] }), isDriver(parent) else {
            let source = process.arguments.dropFirst().last { !$0.hasPrefix("-") } ?? "-"
            add(process, process, .init(index: 0, path: source, language: .assembly), family: .assembler)
            return
        }
        let siblings = children(of: parent.id)
        let assemblers = siblings.filter { $0.role == .assembler }.map(\.id)
        let sources = DriverArguments(parent.arguments).sources
        guard let position = assemblers.firstIndex(of: process.id), position < sources.count else { return }
        var source = sources[position]
        if source.language == .c, siblings.contains(where: { $0.role == .compilerCxx }) { source.language = .cxx }
        let family: CompilerFamily =
            source.language == .other ? .other : parent.role == .clangDriver ? .clang : .gcc
        add(parent, process, source, family: family)
    }

    /// `clang -cc1`: names its source last, its object behind `-o`.
    private mutating func fromClangProper(_ process: CapturedProcess) {
        guard process.role == .clangAssembler || process.arguments.contains("-emit-obj"),
            let driver = process.parent.map({ log.processes[$0] }), driver.role == .clangDriver,
            let input = process.arguments.last
        else { return }
        let sources = DriverArguments(driver.arguments).sources
        guard var source = sources.first(where: { $0.path == input }) ?? (sources.count == 1 ? sources[0] : nil)
        else { return }
        if let index = process.arguments.lastIndex(of: "-x"), index + 1 < process.arguments.count,
            process.arguments[index + 1].hasPrefix("c++"), source.language == .c
        {
            source.language = .cxx
        }
        add(driver, process, source, family: source.language == .other ? .other : .clang)
    }

    /// A clang driver with one job to do does it in its own process.
    private mutating func fromClangDriver(_ process: CapturedProcess) {
        let jobs = children(of: process.id).filter {
            [.clangProper, .clangAssembler, .assembler].contains($0.role)
        }
        let arguments = DriverArguments(process.arguments)
        guard jobs.isEmpty, arguments.mode == .object, arguments.sources.count == 1 else { return }
        var source = arguments.sources[0]
        if source.language == .c, process.arguments.first.map({ BuildPath.name($0).contains("++") }) ?? false {
            source.language = .cxx
        }
        add(process, process, source, family: source.language == .other ? .other : .clang)
    }

    /// Notes that `writer`, run for `driver`, made an object of `source`.
    private mutating func add(
        _ driver: CapturedProcess, _ writer: CapturedProcess, _ source: DriverArguments.Source,
        family: CompilerFamily
    ) {
        guard let stamp = writer.outputs.first(where: { $0.kind != .image }) else { return }
        // The driver may have changed the object after the compiler proper (split debug information).
        let final = driver.outputs.first { $0.path == stamp.path } ?? stamp
        let digests = final.digest == stamp.digest ? [stamp.digest] : [stamp.digest, final.digest]
        let number = compiles.count
        compiles.append(
            Compile(
                command: CompileCommand(
                    id: number, family: family, compiler: driver.executable, arguments: driver.arguments,
                    directory: driver.directory,
                    environment: driver.environment.isEmpty ? writer.environment : driver.environment,
                    source: source.path == "-" ? "-" : resolve(driver.absolute(source.path)),
                    sourceArgument: source.path, language: source.language, output: final.path,
                    digest: final.digest),
                digests: digests, process: writer.id))
        for digest in digests { makers[digest, default: []].append(number) }
    }
}

// MARK: - rewritten objects

extension BuildGraph {
    /// `objcopy` and `strip`: which content became which.
    private mutating func findDerivations() {
        for process in log.processes where process.role == .objectTool && process.succeeded {
            let isData = process.arguments.contains("binary") || process.arguments.contains("--input-target=binary")
            let known = Set(process.inputs.map(\.digest))
            for output in process.outputs where !known.contains(output.digest) {
                if isData, process.inputs.isEmpty {
                    data.insert(output.digest)
                    continue
                }
                let from =
                    process.inputs.first { $0.path == output.path && $0.member == output.member }
                    ?? process.inputs.first
                if let from {
                    derived[output.digest] = Derivation(from: from.digest, tool: process.arguments)
                }
            }
        }
    }

    /// Who made an object, and what rewrote it since, latest last.
    private func origin(of stamp: FileStamp) -> (ObjectOrigin, rewrittenBy: [[String]]) {
        if stamp.isSystem { return (.system, []) }
        if stamp.kind == .data { return (.data, []) }
        var digest = stamp.digest
        var tools: [[String]] = []
        for _ in 0..<16 {
            if let made = maker(of: digest, stamp) { return (made, tools.reversed()) }
            guard let step = derived[digest] else { break }
            tools.append(step.tool)
            digest = step.from
        }
        return (.unknown, [])
    }

    private func maker(of digest: String, _ stamp: FileStamp) -> ObjectOrigin? {
        if let numbers = makers[digest] {
            let name = BuildPath.name(stamp.member ?? stamp.path)
            let best =
                numbers.last { compiles[$0].command.output == stamp.path }
                ?? numbers.last { BuildPath.name(compiles[$0].command.output) == name } ?? numbers.last
            return best.map { .compile($0) }
        }
        if let link = partialLinks[digest] { return .partialLink(link) }
        return data.contains(digest) ? .data : nil
    }
}

// MARK: - links

extension BuildGraph {
    private mutating func findLinks(_ snapshot: (FileStamp) -> String) {
        for process in log.processes where process.role == .linker && process.succeeded {
            guard let output = process.outputs.first else { continue }
            let arguments = LinkerArguments(process.arguments)
            var inputs: [LinkedObject] = []
            for stamp in process.inputs {
                let (origin, tools) = origin(of: stamp)
                if case .compile(let id) = origin, !tools.isEmpty { compiles[id].command.rewrittenBy = tools }
                inputs.append(
                    LinkedObject(path: stamp.path, member: stamp.member, digest: stamp.digest, origin: origin))
            }
            let number = links.count
            links.append(
                LinkCommand(
                    id: number, linker: process.executable, arguments: process.arguments,
                    directory: process.directory, kind: arguments.kind, output: output.path,
                    digest: output.digest, file: snapshot(output), soname: arguments.soname, inputs: inputs,
                    usesLTO: process.inputs.contains { $0.kind == .bitcode } || ranLinkTimeCompiler(process.id)))
            if arguments.kind == .relocatable { partialLinks[output.digest] = number }
        }
    }

    private func ranLinkTimeCompiler(_ id: Int) -> Bool {
        children(of: id).contains { $0.role == .linkTimeCompiler || ranLinkTimeCompiler($0.id) }
    }

    /// Keeps links that left something behind, the partial links in them, and their compiles; renumbers.
    private func pruned(_ surviving: Set<String>) -> (compiles: [CompileCommand], links: [LinkCommand]) {
        var keptDigests = surviving
        for (digest, step) in derived where surviving.contains(digest) { keptDigests.insert(step.from) }
        var keep = Set(links.filter { $0.kind != .relocatable && keptDigests.contains($0.digest) }.map(\.id))
        var open = Array(keep)
        while let id = open.popLast() {
            for case .partialLink(let inner) in links[id].inputs.map(\.origin) where keep.insert(inner).inserted {
                open.append(inner)
            }
        }
        var compileNumbers: [Int: Int] = [:]
        var linkNumbers: [Int: Int] = [:]
        var keptCompiles: [CompileCommand] = []
        for (number, id) in keep.sorted().enumerated() { linkNumbers[id] = number }
        let kept = keep.sorted().map { id in
            var link = links[id]
            link.id = linkNumbers[id] ?? 0
            for index in link.inputs.indices {
                switch link.inputs[index].origin {
                case .compile(let old):
                    if compileNumbers[old] == nil {
                        compileNumbers[old] = keptCompiles.count
                        var command = compiles[old].command
                        command.id = keptCompiles.count
                        keptCompiles.append(command)
                    }
                    link.inputs[index].origin = .compile(compileNumbers[old] ?? 0)
                case .partialLink(let old): link.inputs[index].origin = .partialLink(linkNumbers[old] ?? 0)
                default: break
                }
            }
            return link
        }
        return (keptCompiles, kept)
    }
}
