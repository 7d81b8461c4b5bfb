public import Linux
public import LivePatch

// What the kernel's live patching shows under /sys/kernel/livepatch (Documentation/ABI/testing/
// sysfs-kernel-livepatch):
//
//     PATCH/enabled                       1 or 0; writing turns the patch on or off, also in the middle
//     PATCH/transition                    1 while tasks are still being moved over
//     PATCH/OBJECT/FUNCTION,POSITION/     one folder for each function, POSITION counted from 1
//
// Whose it is, and which fixes it has, says a note in the module, which the kernel keeps in memory and shows as
// /sys/module/PATCH/notes/.note.tsugite. So no file of ours is needed to tell what is applied.

/// A live patch that the kernel has.
public struct LoadedPatch: Sendable, Equatable {
    /// One function that it replaces.
    public struct Function: Hashable, Sendable {
        /// `vmlinux`, or a module.
        public var object: String
        /// The symbol.
        public var name: String
        /// Which of that name, from 1.
        public var position: Int

        /// Makes an entry.
        public init(object: String, name: String, position: Int) {
            self.object = object
            self.name = name
            self.position = position
        }
    }

    /// The module.
    public var module: String
    /// Whether it is on, or on its way there.
    public var isEnabled: Bool
    /// Whether tasks are being moved over.
    public var isInTransition: Bool
    /// What it replaces.
    public var functions: [Function]
    /// What the patch says about itself, targets left out; `nil` for one that others made.
    public var description: KernelPatch?

    /// The name for people.
    public var name: String { description?.name ?? module }

    /// Makes a description.
    public init(
        module: String, isEnabled: Bool, isInTransition: Bool, functions: [Function],
        description: KernelPatch? = nil
    ) {
        self.description = description
        self.module = module
        self.isEnabled = isEnabled
        self.isInTransition = isInTransition
        self.functions = functions
    }
}

/// Reads and writes that folder.
public struct LivePatchFolder: Sendable {
    private let path: String
    private let modules: String

    /// Takes other folders for tests.
    public init(_ path: String = "/sys/kernel/livepatch", modules: String = "/sys/module") {
        self.path = path
        self.modules = modules
    }

    /// Whether the kernel can be live patched at all.
    public var isThere: Bool { FileFacts.exists(path) }

    /// All live patches, by name.
    ///
    /// One that goes away meanwhile is left out.
    public func patches() throws(SystemError) -> [LoadedPatch] {
        var patches: [LoadedPatch] = []
        for entry in try Directory.entries(of: path) where entry.kind == .directory {
            if let patch = try patch(entry.name) { patches.append(patch) }
        }
        return patches
    }

    /// One live patch; `nil` if the kernel doesn't have it.
    public func patch(_ module: String) throws(SystemError) -> LoadedPatch? {
        let folder = "\(path)/\(module)"
        do throws(SystemError) {
            let isEnabled = try flag(folder + "/enabled")
            let isInTransition = try flag(folder + "/transition")
            var functions: [LoadedPatch.Function] = []
            for object in try Directory.entries(of: folder) where object.kind == .directory {
                for entry in try Directory.entries(of: "\(folder)/\(object.name)") where entry.kind == .directory {
                    if let function = Self.function(entry.name, object.name) { functions.append(function) }
                }
            }
            return LoadedPatch(
                module: module, isEnabled: isEnabled, isInTransition: isInTransition, functions: functions,
                description: description(module))
        } catch {
            if error.isGone { return nil }
            throw error
        }
    }

    private func description(_ module: String) -> KernelPatch? {
        let note = try? FileSystem.read("\(modules)/\(module)/notes/\(KernelPatch.noteSection)", limit: 1 << 20)
        return note.flatMap { try? KernelPatch(note: $0) }
    }

    /// Turns a patch on or off; in the middle of a transition this reverses it.
    public func setEnabled(_ module: String, _ isEnabled: Bool) throws(SystemError) {
        try write(isEnabled ? "1" : "0", "\(path)/\(module)/enabled")
    }

    /// Ends a transition by declaring all tasks moved over, though some aren't.
    ///
    /// The kernel then can't tell whether old code still runs, so modules involved must never be unloaded.
    public func force(_ module: String) throws(SystemError) { try write("1", "\(path)/\(module)/force") }

    private func write(_ text: String, _ file: String) throws(SystemError) {
        try OwnedDescriptor.open(file, .writeOnly).writeAll(Array(text.utf8), name: file)
    }

    private func flag(_ file: String) throws(SystemError) -> Bool { try SmallFile.text(file) == "1" }

    /// Reads the name of a function's folder, `cmdline_proc_show,1`.
    static func function(_ name: String, _ object: String) -> LoadedPatch.Function? {
        guard let comma = name.lastIndex(of: ","), let position = Int(name[name.index(after: comma)...]) else {
            return nil
        }
        return LoadedPatch.Function(object: object, name: String(name[..<comma]), position: position)
    }
}

/// Files of one line, as sysfs and procfs have them.
enum SmallFile {
    /// The text without its line end.
    static func text(_ path: String, limit: Int = 1 << 20) throws(SystemError) -> String {
        var buffer: [UInt8] = []
        let count = try OwnedDescriptor.open(path).readAll(into: &buffer, limit: limit, name: path)
        let text = String(decoding: buffer[..<count], as: UTF8.self)
        return text.hasSuffix("\n") ? String(text.dropLast()) : text
    }
}
