import Linux

/// What the running kernel allows and has been through.
public struct KernelHealth: Sendable, Equatable, Codable {
    /// Reasons why the kernel's makers would not look at a bug report, in words; empty if there are none.
    public var taint: [String]
    /// `none`, `integrity` or `confidentiality`; `none` too if the kernel has no lockdown.
    public var lockdown: String
    /// Whether only signed modules are loaded.
    public var needsSignature: Bool

    /// Asks the running kernel.
    public init() {
        func text(_ path: String) -> String { (try? SmallFile.text(path)) ?? "" }
        self.init(
            taint: text("/proc/sys/kernel/tainted"), lockdown: text("/sys/kernel/security/lockdown"),
            signatures: text("/sys/module/module/parameters/sig_enforce"))
    }

    /// Reads the texts of these three files.
    init(taint: String, lockdown: String, signatures: String) {
        let bits = UInt64(taint) ?? 0
        self.taint = Self.reasons.enumerated().filter { bits >> UInt64($0.offset) & 1 == 1 }.map(\.element)
        self.lockdown =
            lockdown.split(separator: " ").first { $0.hasPrefix("[") }.map { String($0.dropFirst().dropLast()) }
            ?? "none"
        needsSignature = signatures == "Y" || self.lockdown != "none"
    }

    /// Bit by bit, from Documentation/admin-guide/tainted-kernels.rst.
    private static let reasons = [
        "a proprietary module was loaded", "a module was loaded by force", "a processor is out of specification",
        "a module was unloaded by force", "a processor reported an error", "a page was bad", "a user asked for it",
        "the kernel died before (oops or BUG)", "an ACPI table was overridden", "the kernel warned",
        "a driver of the staging area was loaded", "a workaround for the firmware is active",
        "a module from outside was loaded", "an unsigned module was loaded", "a soft lockup occurred",
        "the kernel was live patched", "auxiliary", "a structure was randomised at compile time",
        "an in-kernel test was run",
    ]
}
