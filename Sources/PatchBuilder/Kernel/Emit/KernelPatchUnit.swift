import ELF
import KernelImage

/// One source file of a fix: what differs, and where its entities are in the shipped kernel.
struct KernelPatchUnit: Sendable {
    /// Path of the source.
    let name: String
    /// What differs.
    let comparison: ObjectComparison
    /// For each entity of the pre object its address in the image.
    let addresses: [UInt64?]
    /// For each function of the pre object what the proof said.
    let proofs: [Int: FunctionProof]
    /// The kernel, or the module that the file is part of.
    let object: any KernelObject
    /// Functions of the image that can be traced, by address.
    let entries: Set<UInt64>
    /// For each proven function of the pre object the fields that depend on where kernel or module was put, as
    /// offsets from its start.
    let movedFields: [Int: [Range<Int>]]

    var pre: ObjectModel { comparison.pre }
    var post: ObjectModel { comparison.post }
    /// Whether the file is part of the kernel proper.
    var isKernel: Bool { object.name == "vmlinux" }

    /// Brings the proof of the plain object over to the pair in sections, where names are the same.
    init(
        name: String, comparison: ObjectComparison, plain: ObjectModel, placement: KernelPlacement,
        object: any KernelObject, entries: Set<UInt64>
    ) {
        self.name = name
        self.comparison = comparison
        self.object = object
        self.entries = entries
        var places: [String: Int] = [:]
        for entity in plain.entities where !entity.name.isEmpty {
            for name in [entity.name] + entity.aliases { places[entity.kind.rawValue + name] = entity.index }
        }
        var addresses: [UInt64?] = []
        var proofs: [Int: FunctionProof] = [:]
        var moved: [Int: [Range<Int>]] = [:]
        for entity in comparison.pre.entities {
            let place = entity.name.isEmpty ? nil : places[entity.kind.rawValue + entity.name]
            addresses.append(place.flatMap { placement.addresses[$0] })
            guard let place, let proof = placement.functions[place] else { continue }
            proofs[entity.index] = proof
            if case .proven(let match) = proof {
                moved[entity.index] = Self.movedFields(
                    match, start: plain.entities[place].range.lowerBound, isKernel: object.name == "vmlinux")
            }
        }
        movedFields = moved
        self.addresses = addresses
        self.proofs = proofs
    }

    /// The fields of a function that depend on where it was put.
    ///
    /// The kernel moves as a whole, so distances inside it stay; absolute fields, and distances to the variables
    /// per processor, which don't move along, change. Modules are put together when they are loaded.
    private static func movedFields(_ match: CodeMatch, start: Int, isKernel: Bool) -> [Range<Int>] {
        match.references.compactMap { solved in
            let offset = solved.reference.offset - start
            var leavesKernel = false
            if case .address(let address) = solved.filling { leavesKernel = address < 0xffff_0000_0000_0000 }
            let isFixed = ReferenceForm.isRelative(solved.reference.type) && isKernel && !leavesKernel
            return isFixed ? nil : offset..<(offset + ReferenceForm.width(solved.reference.type))
        }
    }

    /// Address in the image of the old counterpart of an entity of the post object.
    func oldAddress(ofPost index: Int) -> UInt64? {
        comparison.correlation.preOf[index].flatMap { addresses[$0] }
    }

    /// Whether the image's function at an address starts with a call that tracing can take over.
    ///
    /// On kernels with indirect branch tracking the landing mark of 4 bytes is before it.
    func isTraced(_ address: UInt64) -> Bool {
        entries.contains(address) || entries.contains(address &+ 4)
    }
}

/// A piece of a post object that goes into the module as one.
struct KernelPiece: Hashable {
    /// Index of the unit.
    let unit: Int
    /// Index into the sections of the post object.
    let section: Int
    /// Bytes of that section.
    let range: Range<Int>
}

/// What a reference of new code leads to.
enum KernelDestination: Hashable {
    /// Something that comes with the patch.
    case included(unit: Int, entity: Int)
    /// The symbol of the kernel or a module that is the nth of its name, 0 if the only one.
    case symbol(object: String, name: String, position: Int)
    /// A symbol that the kernel exports.
    case export(String)
}
