import CLinux

/// How the address spaces of two processes compare: kcmp(2) with KCMP_VM.
public enum AddressSpaceOrder: Sendable {
    /// One and the same: a write through one is seen by the other (vfork(2), clone(2) with CLONE_VM).
    case same
    /// Different; the first sorts before the second. The order is arbitrary but stable, to sort by.
    case before
    /// Different; the first sorts behind the second.
    case after
    /// Different, and not ordered.
    case unordered

    /// Compares the address spaces of two processes; needs the rights of ptrace(2) to both.
    public static func compare(
        _ first: ProcessID, _ second: ProcessID
    ) throws(SystemError) -> AddressSpaceOrder {
        let result = SystemCallResult(linux_kcmp_vm(first.rawValue, second.rawValue))
        switch try result.check("kcmp", "processes \(first) and \(second)") {
        case 0: return .same
        case 1: return .before
        case 2: return .after
        default: return .unordered
        }
    }
}

/// What this machine offers to this process.
public enum Machine {
    /// Processors that this thread may run on; at least 1.
    public static var usableProcessors: Int { max(1, linux_usable_processors()) }
}
