import CLinux
import Glibc

/// Finding programs as a shell does.
public enum Executable {
    /// The path of a program: itself if it holds a slash, else its first executable place along `PATH`.
    ///
    /// - Throws: ENOENT if there is none.
    public static func find(_ program: String) throws(SystemError) -> String {
        if program.utf8.contains(0x2f) { return program }
        let path = Environment.value(of: "PATH") ?? "/usr/local/bin:/usr/bin:/bin"
        for folder in path.split(separator: ":", omittingEmptySubsequences: false) {
            let candidate = folder.isEmpty ? "./" + program : "\(folder)/\(program)"
            do throws(SystemError) {
                let facts = try FileFacts.of(candidate)
                if facts.isRegular, facts.mode & 0o111 != 0 { return candidate }
            } catch {
                continue
            }
        }
        throw SystemError(call: "execve", errno: .noSuchFile, object: program)
    }
}

/// This process's environment.
public enum Environment {
    /// All variables as `NAME=value`, read from the kernel's record of the start: `/proc/self/environ`.
    ///
    /// Nothing in this project sets variables of its own process, which is unsafe with threads; so the start's
    /// are today's.
    public static var current: [String] {
        var reader = ProcReader()
        return (try? reader.environment(of: .current)) ?? []
    }

    /// The value of one variable.
    public static func value(of name: String) -> String? {
        // Sound: getenv answers nil or a terminated text, which is copied at once.
        unsafe getenv(name).map { unsafe String(cString: $0) }
    }
}
