import ELF
import Findings
import Linux
import LivePatch

/// One image on its way into a process: where it goes and what it holds.
struct PlannedImage {
    let input: PatchInput
    let target: PatchTarget
    let module: LoadedModule
    let layout: ImageLayout
    let externals: [Int: ExternalValue]
    let threadBlock: ThreadBlock
    /// An image of the same patch that was taken out of use, and is used again.
    let reused: InstalledPatch?
    /// Where its first byte goes.
    var base: UInt64 = 0
    /// Where it starts in the memory file that all images of the transaction share.
    var fileOffset: UInt64 = 0

    var bias: UInt64 { module.bias }
    var codeRange: RemoteRange { RemoteRange(start: RemoteAddress(base), count: layout.codeSize) }
    var range: RemoteRange { RemoteRange(start: RemoteAddress(base), count: layout.size) }

    /// Links the image for its base.
    func link() throws(PatcherError) -> LinkedImage {
        let input = LinkInput(
            object: input.patch.object, target: target, layout: layout, base: base, bias: bias,
            externals: externals, threadBlock: threadBlock)
        do { return try ImageLinker.link(input) } catch { throw PatcherError(error.finding) }
    }

    /// The header, in the state `prepared`.
    func header(transaction: UInt64, patcher: PatcherIdentity) throws(PatcherError) -> InstalledPatch {
        var functions: [InstalledPatch.Function] = []
        for function in target.functions { functions.append(try entry(function)) }
        let place = { (offset: UInt64, size: UInt64) in
            RemoteRange(start: RemoteAddress(base &+ offset), count: size)
        }
        return InstalledPatch(
            state: .prepared, patcher: patcher, transaction: transaction, name: input.patch.name,
            patch: input.digest, changes: input.patch.changes, target: target.buildID, targetName: target.name,
            bias: bias, image: range, codeSize: layout.codeSize, text: place(layout.headerSize, layout.textSize),
            unwindTables: layout.unwindTables.map { place($0.start, $0.size + 4) }, functions: functions,
            symbols: codeSymbols(),
            dataWrites: target.dataWrites.map {
                InstalledPatch.DataWrite(
                    name: $0.name, site: RemoteAddress(bias &+ $0.address), original: $0.original,
                    replacement: $0.replacement)
            }, registrations: layout.registrations.map { RemoteAddress(base &+ $0) },
            hooks: target.hooks.compactMap { hook in
                let symbol = input.patch.object.symbols[hook.symbol]
                guard let section = symbol.section.flatMap({ layout.sections[$0] }) else { return nil }
                return InstalledPatch.Hook(
                    kind: hook.kind, name: hook.name, record: RemoteAddress(base &+ section &+ symbol.value))
            })
    }

    private func entry(_ function: ReplacedFunction) throws(PatcherError) -> InstalledPatch.Function {
        let size = JumpEncoding.trampolineSize
        let site = RemoteAddress(bias &+ function.address &+ UInt64(function.entrySkip))
        let symbol = input.patch.object.symbols[function.replacement]
        guard let section = symbol.section.flatMap({ layout.sections[$0] }),
            case let entry = base &+ section &+ symbol.value,
            let trampoline = JumpEncoding.trampoline(from: site.rawValue, to: entry)
        else {
            throw PatcherError(
                Finding(.processNoSpace, "\(function.name) can't reach its replacement by a direct jump"))
        }
        let original = Array(function.original[function.entrySkip..<function.entrySkip + size])
        return InstalledPatch.Function(
            name: function.name,
            old: RemoteRange(start: RemoteAddress(bias &+ function.address), count: function.size),
            parts: function.parts.map {
                RemoteRange(start: RemoteAddress(bias &+ $0.address), count: UInt64($0.original.count))
            },
            site: site, original: original, trampoline: trampoline,
            entry: RemoteAddress(entry))
    }

    private func codeSymbols() -> [InstalledPatch.CodeSymbol] {
        input.patch.object.symbols.compactMap { symbol in
            guard symbol.type == .function, let section = symbol.section, let at = layout.sections[section] else {
                return nil
            }
            return InstalledPatch.CodeSymbol(
                name: symbol.name,
                range: RemoteRange(start: RemoteAddress(base &+ at &+ symbol.value), count: symbol.size))
        }
    }

    /// The header's size in whole pages: known before the base is, as addresses have a fixed width.
    static func headerSize(_ input: PatchInput, _ target: PatchTarget) throws(PatcherError) -> UInt64 {
        // Names, ranges and bytes as written by HeaderCoding, counted generously.
        var size = UInt64(HeaderCoding.fixedSize) + 256
        size += UInt64(input.patch.name.utf8.count + target.name.utf8.count + target.buildID.bytes.count)
        size += UInt64(input.patch.changes.count) * 36
        for function in target.functions {
            size += UInt64(function.name.utf8.count) + 128 + UInt64(function.parts.count) * 16
        }
        for data in target.dataWrites { size += UInt64(data.name.utf8.count + data.original.count * 2) + 32 }
        for hook in target.hooks { size += UInt64(hook.name.utf8.count) + 16 }
        let loaded = Set(target.sections)
        for symbol in input.patch.object.symbols where symbol.section.map(loaded.contains) == true {
            size += UInt64(symbol.name.utf8.count) + 24
        }
        size += UInt64(target.sections.count) * 24
        return ImageLayout.align(size, ImageLayout.page)
    }
}
