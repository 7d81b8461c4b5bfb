// A livepatch module that the kernel's own klp-build made.
//
// Its start builds the klp_patch structure from two tables (include/linux/livepatch_external.h), so what it replaces is
// read from those:
//
//     .init.klp_objects   name → (none for the kernel) │ funcs → │ callbacks │ number of functions
//     .init.klp_funcs     old name → │ new function → │ which of that name           24 bytes each
//
// (`__klp_objects` and `__klp_funcs` in the first versions.) The size of an object's record depends on the version. It
// needn't be known: the field that leads to the functions shows where a record is, the pointer before it is the name,
// and an object's functions end where the next one's begin.

package import ELF
import Findings
import KernelImage

/// What such a module says about itself.
package struct ForeignModule: Sendable, Equatable {
    /// One function that it replaces.
    package struct Function: Sendable, Equatable {
        /// The symbol.
        package var name: String
        /// Which of that name, from 1; 0 if it has to be the only one.
        package var position: Int
    }

    /// The kernel proper or a module.
    package struct Object: Sendable, Equatable {
        /// `vmlinux`, or the module's name.
        package var name: String
        /// What is replaced in it.
        package var functions: [Function]
    }

    /// The module's name.
    package var name: String
    /// The release of the kernel that it is for.
    package var release: String
    /// What it replaces.
    package var objects: [Object]

    /// Reads a module.
    package init(_ file: ELFFile) throws(BuildError) {
        let module: ModuleFile
        do throws(KernelImageError) {
            module = try ModuleFile(file.bytes)
        } catch {
            throw BuildError(error)
        }
        guard module.info("livepatch") == "Y" else { throw Self.refusal("it isn't a livepatch module") }
        name = module.name
        release = module.versionMagic?.split(separator: " ").first.map(String.init) ?? ""
        do throws(ELFError) {
            objects = try Self.objects(file, module.symbols)
        } catch {
            throw BuildError(error.finding)
        }
        guard !objects.isEmpty, objects.allSatisfy({ !$0.functions.isEmpty }) else {
            throw Self.refusal("it has no tables of what it replaces, as klp-build writes them")
        }
    }

    private static func refusal(_ why: String) -> BuildError {
        BuildError(
            .kernelRefused, "the module can't be taken over: \(why)", evidence: ["reason": why],
            remedy:
                "Build it with the kernel's scripts/livepatch/klp-build, or from the diff: tsugite build --kernel.")
    }

    /// A field that is filled in: where it is, and what it then leads to.
    private struct Pointer {
        let offset: Int
        let section: Int
        let target: Int
    }

    private static func objects(_ file: ELFFile, _ symbols: [Symbol]) throws(ELFError) -> [Object] {
        guard let objectSection = section(file, "klp_objects"), let functionSection = section(file, "klp_funcs")
        else {
            return []
        }
        let pointers = try pointers(file, objectSection, symbols)
        let records = pointers.filter { $0.section == functionSection.index }.sorted { $0.target < $1.target }
        let functions = try self.functions(file, functionSection, symbols)
        var objects: [Object] = []
        for (index, record) in records.enumerated() {
            let end = index + 1 < records.count ? records[index + 1].target : Int(clamping: functionSection.size)
            guard record.target % 24 == 0, record.target <= end, end / 24 <= functions.count else {
                throw ELFError(.inconsistent, at: objectSection.offset, "table of replaced functions")
            }
            let name = try pointers.first { $0.offset == record.offset - 8 }
                .map { (pointer) throws(ELFError) in try text(file, pointer) }
            objects.append(
                Object(name: name ?? "vmlinux", functions: Array(functions[(record.target / 24)..<(end / 24)])))
        }
        return objects
    }

    private static func section(_ file: ELFFile, _ name: String) -> Section? {
        file.section(named: ".init." + name) ?? file.section(named: "__" + name)
    }

    private static func functions(_ file: ELFFile, _ section: Section, _ symbols: [Symbol]) throws(ELFError)
        -> [Function]
    {
        let bytes = try file.rawContents(of: section)
        let pointers = try pointers(file, section, symbols)
        var functions: [Function] = []
        for at in stride(from: 0, through: bytes.count - 24, by: 24) {
            guard let pointer = pointers.first(where: { $0.offset == at }),
                let position = Int(exactly: try bytes.load(at + 16, as: UInt64.self))
            else { throw ELFError(.inconsistent, at: section.offset, "name of a replaced function") }
            functions.append(Function(name: try text(file, pointer), position: position))
        }
        return functions
    }

    private static func pointers(_ file: ELFFile, _ section: Section, _ symbols: [Symbol]) throws(ELFError)
        -> [Pointer]
    {
        try file.relocations(of: section).compactMap { relocation in
            guard relocation.type == X86_64Relocation.abs64.rawValue, symbols.indices.contains(relocation.symbol),
                let target = symbols[relocation.symbol].sectionIndex,
                let value = Int64(exactly: symbols[relocation.symbol].value)
            else { return nil }
            let (place, overflow) = value.addingReportingOverflow(relocation.addend)
            guard !overflow, place >= 0, let offset = Int(exactly: relocation.offset) else { return nil }
            return Pointer(offset: offset, section: target, target: Int(place))
        }
    }

    private static func text(_ file: ELFFile, _ pointer: Pointer) throws(ELFError) -> String {
        try file.rawContents(of: try file.section(pointer.section)).cString(pointer.target, "name in a table")
    }
}
