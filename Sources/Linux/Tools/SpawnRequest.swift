import CLinux

/// Everything a new program starts with, lent to C for the time of one call.
struct SpawnRequest {
    var path: String
    var arguments: [String]
    /// Nil means this process's own.
    var environment: [String]?
    /// Nil means this process's own.
    var directory: String?
    /// Descriptors of the parent; -1 means `/dev/null`.
    var input: Int32 = -1
    var output: Int32 = 1
    var error: Int32 = 2
    /// In a process group of its own, so that it can be ended with its children.
    var newGroup = false

    /// Calls `body` with a C structure that points to terminated copies of everything.
    ///
    /// The copies are one block of text and two tables of pointers into it, so nothing has to be freed one
    /// by one. A text ends at its first zero byte, as it would in the new program.
    func lend(_ body: (UnsafePointer<linux_spawn_request>) -> SystemCallResult) -> SystemCallResult {
        var text: [CChar] = []
        var starts: [Int] = []
        for part in [path, directory ?? ""] + arguments + (environment ?? Environment.current) {
            starts.append(text.count)
            text.append(contentsOf: part.utf8CString)
        }
        let split = 2 + arguments.count
        // Sound: every start is an index of `text`, which doesn't move inside the closure; each part is
        // terminated, and both tables end with nil.
        return unsafe text.withUnsafeMutableBufferPointer { block in
            guard let base = block.baseAddress else { return SystemCallResult(-22) }
            let pointers: [UnsafeMutablePointer<CChar>?] = unsafe starts.map { unsafe base + $0 }
            let argumentTable = unsafe Array(pointers[2..<split]) + [nil]
            let environmentTable = unsafe Array(pointers[split...]) + [nil]
            return unsafe argumentTable.withUnsafeBufferPointer { arguments in
                unsafe environmentTable.withUnsafeBufferPointer { environment in
                    var request = unsafe linux_spawn_request(
                        path: base, arguments: arguments.baseAddress, environment: environment.baseAddress,
                        directory: directory == nil ? nil : base + starts[1],
                        input: input, output: output, error: error, new_group: newGroup ? 1 : 0)
                    return unsafe body(&request)
                }
            }
        }
    }
}
