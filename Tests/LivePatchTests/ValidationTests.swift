import ELF
import LivePatch
import Testing

/// One way to break a patch that was well-formed.
struct Defect: CustomTestStringConvertible, Sendable {
    let testDescription: String
    let apply: @Sendable (inout LivePatch) -> Void

    init(_ name: String, _ apply: @escaping @Sendable (inout LivePatch) -> Void) {
        testDescription = name
        self.apply = apply
    }

    static let all: [Defect] = [
        Defect("an empty name") { $0.name = "" },
        Defect("a name with a slash") { $0.name = "../x" },
        Defect("no changes") { $0.changes = [] },
        Defect("no targets") { $0.targets = [] },
        Defect("two targets with one build-id") { $0.targets.append($0.targets[0]) },
        Defect("a section that isn't loadable") { $0.object.sections[0].flags = [.execinstr] },
        Defect("a writable and executable section") { $0.object.sections[0].flags.insert(.write) },
        Defect("a thread-local section") { $0.object.sections[1].flags.insert(.tls) },
        Defect("an alignment that is no power of two") { $0.object.sections[0].alignment = 24 },
        Defect("a huge section") { $0.object.sections[1].size = 1 << 40 },
        Defect("contents shorter than the section") { $0.object.sections[0].size = 64 },
        Defect("a relocation behind the section") {
            $0.object.sections[0].relocations[0] = .init(offset: 32, type: 2, symbol: 0, addend: 0)
        },
        Defect("a relocation without a symbol") {
            $0.object.sections[0].relocations[0] = .init(offset: 0, type: 2, symbol: 77, addend: 0)
        },
        Defect("a symbol behind its section") { $0.object.symbols[0].value = 1 },
        Defect("a symbol in a missing section") { $0.object.symbols[0].section = 9 },
        Defect("an empty build-id") { $0.targets[0].buildID = BuildID([]) },
        Defect("a target that is an object file") { $0.targets[0].type = .relocatable },
        Defect("a section listed twice") { $0.targets[0].sections = [0, 0, 1, 2] },
        Defect("no functions") { $0.targets[0].functions = [] },
        Defect("a replacement that is data") { $0.targets[0].functions[0].replacement = 1 },
        Defect("too few original bytes") { $0.targets[0].functions[0].original = [1, 2, 3] },
        Defect("no room for a trampoline") {
            $0.targets[0].functions[0].size = 8
            $0.targets[0].functions[0].original = Array(0..<8)
        },
        Defect("an address at the end of the world") { $0.targets[0].functions[0].address = .max - 4 },
        Defect("functions that overlap") {
            var second = $0.targets[0].functions[0]
            second.address += 8
            $0.targets[0].functions.append(second)
        },
        Defect("an external symbol that is defined") { $0.targets[0].externals[0].symbol = 0 },
        Defect("an undefined symbol that nothing explains") { $0.targets[0].externals = [] },
        Defect("a symbol of a section that the target doesn't load") { $0.targets[0].sections = [0, 1] },
    ]
}

@Suite struct `Validation` {
    @Test func `accepts a well-formed patch`() throws { try samplePatch().validate() }

    @Test(arguments: Defect.all) func `refuses`(_ defect: Defect) {
        var patch = samplePatch()
        defect.apply(&patch)
        #expect(throws: PatchFileError.self) { try patch.validate() }
        #expect(throws: PatchFileError.self) { try patch.encoded() }
    }
}

@Suite struct `A patch covers another` {
    @Test func `when it holds all its changes`() {
        var newer = samplePatch()
        newer.changes.append(Digest(of: [2]))
        #expect(newer.covers(samplePatch().changes))
        #expect(!samplePatch().covers(newer.changes))
    }
}
