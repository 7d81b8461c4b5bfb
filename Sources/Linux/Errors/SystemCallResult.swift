/// What a system call answered: a value that is not negative, or an error.
///
/// The paths that can't afford a thrown error (hundreds of threads are stopped meanwhile) look at ``failed``
/// and go on; all others call ``check(_:_:)``.
public struct SystemCallResult: Sendable, Equatable {
    /// The kernel's own word: the value, or `-errno`.
    public let rawValue: Int

    /// Takes the kernel's own word.
    @inlinable
    public init(_ rawValue: Int) { self.rawValue = rawValue }

    /// Whether the call failed.
    ///
    /// Addresses of the upper half are not errors: only -1 ... -4095 are.
    @inlinable
    public var failed: Bool { rawValue < 0 && rawValue >= -4095 }

    /// The error, if the call failed.
    @inlinable
    public var error: Errno? { failed ? Errno(rawValue: Int32(truncatingIfNeeded: -rawValue)) : nil }

    /// The value, or a thrown error that names the call and its object.
    ///
    /// - Parameters:
    ///   - call: the call as its man page names it, such as `ptrace(PTRACE_SEIZE)`.
    ///   - object: what was acted on: a path, `process 12`.
    @discardableResult
    @inlinable
    public func check(
        _ call: StaticString, _ object: @autoclosure () -> String
    ) throws(SystemError) -> Int {
        guard let error else { return rawValue }
        throw SystemError(call: call.description, errno: error, object: object())
    }
}

/// Makes a call again for as long as signals interrupt it.
///
/// The one place where EINTR is handled.
@inline(__always)
package func retryingInterrupts(_ call: () -> Int) -> SystemCallResult {
    while true {
        let result = SystemCallResult(call())
        if result.rawValue != -Int(Errno.interrupted.rawValue) { return result }
    }
}
