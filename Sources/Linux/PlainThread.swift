import Glibc

/// An operating system thread of its own, for work that the kernel ties to a thread: tracing, blocking for long.
public struct PlainThread: Sendable {
    private let thread: pthread_t

    /// Starts a thread that runs `body` and ends without anybody waiting for it.
    ///
    /// - Throws: EAGAIN if there are too many.
    public static func detached(_ body: @escaping @Sendable () -> Void) throws(SystemError) {
        _ = pthread_detach(try PlainThread(body).thread)
    }

    /// Starts a thread that runs `body` and ends; it must be joined once.
    ///
    /// - Throws: EAGAIN if there are too many.
    public init(_ body: @escaping @Sendable () -> Void) throws(SystemError) {
        let work = unsafe Unmanaged.passRetained(Work(body))
        var thread = pthread_t()
        // Sound: the new thread takes over the reference that was retained for it.
        let result = unsafe pthread_create(&thread, nil, Self.start, work.toOpaque())
        guard result == 0 else {
            unsafe work.release()
            throw SystemError(call: "pthread_create", errno: Errno(rawValue: result), object: "")
        }
        self.thread = thread
    }

    /// Waits until its work is done.
    public func join() { _ = pthread_join(thread, nil) }

    private static let start: @convention(c) (UnsafeMutableRawPointer?) -> UnsafeMutableRawPointer? = { argument in
        // The reference was retained for this thread.
        if let argument = unsafe argument {
            unsafe Unmanaged<Work>.fromOpaque(argument).takeRetainedValue().body()
        }
        return nil
    }

    private final class Work: Sendable {
        let body: @Sendable () -> Void
        init(_ body: @escaping @Sendable () -> Void) { self.body = body }
    }
}
