import ELF
import Findings
import KernelImage
import LivePatch

/// The shipped kernel as a taken over module needs it: the code of functions by name.
struct ImportedKernel {
    let binary: KernelBinary
    private let types: BTF
    private let sites: SiteMap

    init(_ image: String) throws(BuildError) {
        do throws(KernelImageError) {
            binary = try KernelBinary(reading: image)
            types = try binary.types()
            sites = try SiteMap(of: binary, types: types)
        } catch {
            throw BuildError(error)
        }
    }

    /// A module of this kernel, and its build-id.
    func module(_ path: String) throws(BuildError) -> (ModuleImage, BuildID?) {
        do throws(KernelImageError) {
            let file = try ModuleFile(reading: path)
            return (try ModuleImage(file, kernel: binary.symbols), try? file.file.buildID())
        } catch {
            throw BuildError(error)
        }
    }

    /// A function's code as it was shipped.
    func code(_ function: ForeignModule.Function, _ object: any KernelObject) throws(BuildError)
        -> ReplacedKernelCode
    {
        let named = object.symbols.named(function.name).filter { $0.isCode || function.position > 0 }
        let index = max(function.position, 1) - 1
        guard named.indices.contains(index), function.position > 0 || named.count == 1,
            let size = object.symbols.extent(of: named[index]), size < 1 << 20
        else {
            throw BuildError(
                .kernelMismatch, "\(object.name) has no such function as \(function.name)",
                evidence: [
                    "function": function.name, "object": object.name, "wanted": "\(function.position)",
                    "found": "\(named.count)",
                ])
        }
        let start = named[index].address
        do throws(KernelImageError) {
            let bytes = try object.contents(at: start, count: size).bytes
            let map = object.name == binary.name ? sites : try SiteMap(of: object, types: types)
            var mask = map.mask(of: start..<(start + size))
            let moved =
                (object as? ModuleImage)?.relocatedFields(in: start..<(start + size))
                ?? movedFields(bytes, at: start)
            for field in moved { for index in field where mask.indices.contains(index) { mask[index] = true } }
            return ReplacedKernelCode(
                name: function.name, position: function.position, original: bytes, mutable: mask.ranges)
        } catch {
            throw BuildError(error)
        }
    }

    /// The fields of code of the kernel proper that change when it is put elsewhere.
    private func movedFields(_ code: [UInt8], at start: UInt64) -> [Range<Int>] {
        guard let first = binary.symbols.address(of: "_text"), let end = binary.symbols.address(of: "_end"),
            first < end
        else { return [] }
        var fields: [Range<Int>] = []
        var at = 0
        while at < code.count {
            guard let instruction = X86_64InstructionSet.decode(code, at: at) else {
                at += 1
                continue
            }
            for field in [instruction.displacement, instruction.immediate].compactMap({ $0 }) where field.width >= 4
            {
                let value = UInt64(bitPattern: instruction.value(field, in: code, at: at))
                let isDistance = instruction.isRelative && field == instruction.displacement
                let address = isDistance ? start &+ UInt64(at + instruction.length) &+ value : value
                // Distances inside of the kernel stay; those that leave it don't, and addresses in it don't.
                if (first..<end).contains(address) != isDistance {
                    fields.append((at + field.offset)..<(at + field.offset + field.width))
                }
            }
            at += instruction.length
        }
        return fields
    }
}
