// The structures by which a module tells the kernel what it replaces (include/linux/livepatch.h):
//
//     klp_patch  { mod, objs → , states → , replace }
//     klp_object { name (none for the kernel), funcs → , callbacks }   one for each object, then one of zeros
//     klp_func   { old_name, new_func, old_sympos }                    one for each function, then one of zeros
//     klp_state  { id, version }                                       one for each state, then one of zeros
//
// Sizes and offsets come from the kernel's own type information, so they fit whatever the version.

import ELF
import Findings
import KernelImage

struct LivePatchStructures {
    private let function: StructLayout
    private let object: StructLayout
    private let patch: StructLayout
    private let state: StructLayout?
    private let callbacks: StructLayout?
    private static let area = ".data"
    private static let strings = ".rodata"

    init(_ types: BTF) throws(KernelImageError) {
        function = try StructLayout("klp_func", in: types)
        object = try StructLayout("klp_object", in: types)
        patch = try StructLayout("klp_patch", in: types)
        state = try? StructLayout("klp_state", in: types)
        callbacks = try? StructLayout("klp_callbacks", in: types)
    }

    /// One replaced function: its old symbol, and where the new one is.
    struct Function {
        let name: String
        let position: Int
        let new: ModuleArea.Target
    }

    /// One patched object.
    struct Object {
        let name: String
        let functions: [Function]
        /// Callbacks by the names of the structure's members.
        let callbacks: [(name: String, target: ModuleArea.Target)]
    }

    /// Writes all structures; answers where the patch's own is.
    func write(
        _ objects: [Object], states: [KernelHooks.State], replaces: Bool, into layout: inout ModuleLayout
    ) throws(KernelImageError) -> ModuleArea.Target {
        layout.open(Self.area, [.alloc, .write])
        layout.open(Self.strings, [.alloc])
        let patchAt = reserve(patch.size, &layout)
        let objectsAt = reserve(object.size * (objects.count + 1), &layout)
        for (index, entry) in objects.enumerated() {
            try write(entry, at: objectsAt + index * object.size, &layout)
        }
        layout.fix(Self.area, patchAt + (try patch.offset("mod")), .abs64, .thisModule)
        layout.fix(Self.area, patchAt + (try patch.offset("objs")), .abs64, .area(Self.area, objectsAt))
        layout.areas[Self.area]?.store(replaces ? 1 : 0, width: 1, at: patchAt + (try patch.offset("replace")))
        if !states.isEmpty { try write(states, patchAt, &layout) }
        return .area(Self.area, patchAt)
    }

    private func reserve(_ size: Int, _ layout: inout ModuleLayout) -> Int {
        layout.areas[Self.area]?.reserve(size, alignment: 8) ?? 0
    }

    private func text(_ text: String, _ layout: inout ModuleLayout) -> ModuleArea.Target {
        .area(Self.strings, layout.add(Array(text.utf8) + [0], to: Self.strings, alignment: 1))
    }

    private func write(_ entry: Object, at start: Int, _ layout: inout ModuleLayout) throws(KernelImageError) {
        if entry.name != "vmlinux" {
            layout.fix(Self.area, start + (try object.offset("name")), .abs64, text(entry.name, &layout))
        }
        let functionsAt = reserve(function.size * (entry.functions.count + 1), &layout)
        layout.fix(Self.area, start + (try object.offset("funcs")), .abs64, .area(Self.area, functionsAt))
        for (index, one) in entry.functions.enumerated() {
            let at = functionsAt + index * function.size
            layout.fix(Self.area, at + (try function.offset("old_name")), .abs64, text(one.name, &layout))
            layout.fix(Self.area, at + (try function.offset("new_func")), .abs64, one.new)
            layout.areas[Self.area]?.store(
                UInt64(clamping: one.position), width: 8, at: at + (try function.offset("old_sympos")))
        }
        for callback in entry.callbacks {
            guard let callbacks else { throw KernelImageError(.missing("struct klp_callbacks")) }
            let at = start + (try object.offset("callbacks")) + (try callbacks.offset(callback.name))
            layout.fix(Self.area, at, .abs64, callback.target)
        }
    }

    private func write(_ states: [KernelHooks.State], _ patchAt: Int, _ layout: inout ModuleLayout)
        throws(KernelImageError)
    {
        guard let state else { throw KernelImageError(.missing("struct klp_state")) }
        let statesAt = reserve(state.size * (states.count + 1), &layout)
        layout.fix(Self.area, patchAt + (try patch.offset("states")), .abs64, .area(Self.area, statesAt))
        for (index, entry) in states.enumerated() {
            let at = statesAt + index * state.size
            layout.areas[Self.area]?.store(entry.id, width: 8, at: at + (try state.offset("id")))
            layout.areas[Self.area]?.store(UInt64(entry.version), width: 4, at: at + (try state.offset("version")))
        }
    }
}
