import Linux

/// Programs that run another one's code in translation: its mappings are there, but nothing executes them, and a thread
/// that is borrowed would run behind the translator's back.
enum Emulators {
    private static let marks = ["/valgrind/", "/drrun", "/dynamorio/", "/pinbin", "/qemu-x86_64", "/qemu-i386"]

    /// The emulator that a process is; nil if it is an ordinary program.
    static func of(_ process: ProcessID) -> String? {
        guard let path = try? ProcessFiles.executablePath(of: process), marks.contains(where: { path.contains($0) })
        else { return nil }
        return path
    }
}
