// Names of edited headers, followed to the sources that can notice.
//
// A source notices if it mentions a touched name, or a name whose definition in some header uses one, and so on. A name
// counts only where its header is included: many a common word is the name of something in one driver's own header.
// And a source that notices is done with, so names that only such sources can see aren't followed.

/// Follows names from header to header; pure apart from the files that it asks for.
struct NameSpread {
    private let graph: IncludeGraph
    private let read: (String) -> [UInt8]?
    /// Names whose users aren't looked for yet, by the header that defines them.
    private var pending: [String: Set<String>]
    private var known: [String: Set<String>]
    private let headers: [(path: String, text: [UInt8])]
    /// Sources that didn't notice so far.
    private var open: Set<String>
    private var including: [String: Set<String>] = [:]

    /// Beyond so many names everything notices, and following them tells nothing more.
    private static let most = 20_000

    /// Begins with the names that are touched, by header; `read` answers a file's text.
    init(_ touched: [String: Set<String>], _ graph: IncludeGraph, _ read: @escaping (String) -> [UInt8]?) {
        self.graph = graph
        self.read = read
        pending = touched
        known = touched
        let files = graph.reached(from: Set(touched.keys))
        headers = files.filter { $0.hasSuffix(".h") }.sorted().compactMap { path in read(path).map { (path, $0) } }
        open = files.filter { $0.hasSuffix(".c") }
    }

    /// The sources that notice.
    mutating func run() -> Set<String> {
        var found: Set<String> = []
        while !pending.isEmpty, known.values.reduce(0, { $0 + $1.count }) < Self.most {
            let steps = pending.sorted { $0.key < $1.key }.map { header, names in
                (names: names, scan: WordScan(names), sources: sources(including: header))
            }
            pending = [:]
            let all = WordScan(steps.reduce(into: Set()) { $0.formUnion($1.names) })
            for path in open where steps.contains(where: { $0.sources.contains(path) }) {
                // What can't be read may say anything.
                let text = read(path)
                let notices =
                    text.map { text in
                        all.isIn(text) && steps.contains { $0.sources.contains(path) && $0.scan.isIn(text) }
                    } ?? true
                if notices { found.insert(path) }
            }
            open.subtract(found)
            for step in steps {
                let sources = step.sources.intersection(open)
                if !sources.isEmpty { passOn(step.names, step.scan, sources) }
            }
        }
        return found
    }

    /// Headers that mention one of the names, and that one of the sources includes, pass it on under their own names.
    private mutating func passOn(_ names: Set<String>, _ scan: WordScan, _ sources: Set<String>) {
        for (path, text) in headers where scan.isIn(text) {
            let more = HeaderNames.defining(names, in: String(decoding: text, as: UTF8.self))
                .subtracting(known[path] ?? [])
            guard !more.isEmpty, !self.sources(including: path).isDisjoint(with: sources) else { continue }
            known[path, default: []].formUnion(more)
            pending[path, default: []].formUnion(more)
        }
    }

    private mutating func sources(including header: String) -> Set<String> {
        if let known = including[header] { return known }
        let found = graph.reached(from: [header]).filter { $0.hasSuffix(".c") }
        including[header] = found
        return found
    }
}
