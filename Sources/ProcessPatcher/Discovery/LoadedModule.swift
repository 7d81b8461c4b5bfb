import ELF
import Linux

/// One ELF file that a process has mapped, read from the process's memory.
struct LoadedModule {
    /// Its path or name as `/proc/PID/maps` shows it.
    let name: String
    /// Where file offset 0 is mapped.
    let base: RemoteAddress
    /// Device and inode.
    let file: FileIdentity
    /// What the loader mapped.
    let image: MemoryImage<PagedBytes>
    /// Its identity, if it has one.
    let buildID: BuildID?

    /// What is added to the file's virtual addresses.
    var bias: UInt64 { image.bias }

    /// The last part of the path.
    var shortName: String { name.split(separator: "/").last.map(String.init) ?? name }

    /// Reads the module whose file header is mapped at an address; nil if no 64-bit ELF file starts there.
    static func read(_ mapping: MemoryMapping, _ source: PagedBytes) -> LoadedModule? {
        guard let image = try? MemoryImage(headerAt: mapping.area.start.rawValue, source) else { return nil }
        return LoadedModule(
            name: mapping.name, base: mapping.area.start, file: mapping.area.file, image: image,
            buildID: (try? image.buildID()) ?? nil)
    }

    /// All modules, in the order of their addresses.
    ///
    /// A small file may have its first page mapped several times, once for each segment (lld lays them out so): what
    /// lies inside a module that began before is none of its own.
    static func all(in space: AddressSpace, _ source: PagedBytes) -> [LoadedModule] {
        var found: [LoadedModule] = []
        for start in starts(in: space) {
            let at = start.area.start.rawValue
            if found.contains(where: { $0.file == start.area.file && $0.image.span?.contains(at) == true }) {
                continue
            }
            if let module = read(start, source) { found.append(module) }
        }
        return found
    }

    /// Where modules start: file mappings of offset 0 (and the vDSO), the executable ones and those followed by an
    /// executable mapping of the same file, or of anonymous memory where programs have put their text on huge pages.
    static func starts(in space: AddressSpace) -> [MemoryMapping] {
        let mappings = space.mappings
        return mappings.indices.filter { index in
            let area = mappings[index].area
            if mappings[index].name == "[vdso]" { return true }
            guard area.isFile, area.offset == 0, area.permissions.contains(.read) else { return false }
            var end = area.start
            for next in mappings[index...].prefix(16) {
                let isOwn = next.area.file == area.file || (!next.area.isFile && next.area.start == end)
                if isOwn, next.area.permissions.contains(.execute) { return true }
                end = next.area.end
            }
            return false
        }.map { mappings[$0] }
    }
}
