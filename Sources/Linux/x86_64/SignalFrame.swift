#if arch(x86_64)
    import CLinux

    /// A signal frame as the kernel lays it on a thread's stack: `struct rt_sigframe` in the kernel's
    /// arch/x86/include/asm/sigframe.h, with the ucontext of sys/ucontext.h.
    ///
    /// rt_sigreturn(2) with the stack pointer behind the frame's first word loads everything in it: general
    /// registers, blocked signals, floating-point state. Whoever writes a frame with a thread's own state to its
    /// stack and makes the code around lead to rt_sigreturn has given the thread a way back that needs nobody's
    /// help.
    ///
    ///     0    address of the code that calls rt_sigreturn
    ///     8    ucontext: flags, link, stack 24, registers 256, signal mask 8      304 bytes
    ///     312  siginfo, unused                                                    128 bytes
    ///     448  floating-point state in XSAVE layout, 64-byte aligned
    public struct SignalFrame: Sendable {
        /// The frame's bytes; its first byte must lie at an address that is 0 modulo 64.
        public private(set) var bytes: [UInt8]
        private static let floatingPointOffset = 448

        /// The space that a frame for this floating-point state takes, in bytes.
        public static func size(extendedState: [UInt8]) -> Int { floatingPointOffset + extendedState.count + 4 }

        /// Makes a frame.
        ///
        /// - Parameters:
        ///   - registers: what the thread goes on with; see ``Registers/forReturn``.
        ///   - mask: the signals blocked then.
        ///   - extendedState: as `PTRACE_GETREGSET` gives it for `NT_X86_XSTATE`.
        ///   - address: where the frame will lie, 64-byte aligned.
        ///   - restorer: code that calls rt_sigreturn.
        public init(
            registers: Registers, mask: UInt64, extendedState: [UInt8], address: RemoteAddress,
            restorer: RemoteAddress
        ) {
            let allowed = linux_default_extended_state(extendedState.count)
            let state = Array(extendedState.prefix(allowed))
            bytes = [UInt8](repeating: 0, count: Self.floatingPointOffset + state.count + 4)
            let raw = registers.raw
            put(restorer.rawValue, at: 0)
            // UC_FP_XSTATE, UC_SIGCONTEXT_SS, UC_STRICT_RESTORE_SS.
            put(7, at: 8)
            // The alternate stack isn't known from outside: flags that the kernel refuses, and ignores the refusal
            // of, leave it as it is.
            put(0x4000_0000, at: 8 + 24)
            let general = [
                raw.r8, raw.r9, raw.r10, raw.r11, raw.r12, raw.r13, raw.r14, raw.r15, raw.rdi, raw.rsi, raw.rbp,
                raw.rbx, raw.rdx, raw.rax, raw.rcx, raw.rsp, raw.rip, raw.eflags,
                raw.cs & 0xffff | (raw.ss & 0xffff) << 48,
            ]
            for (index, value) in general.enumerated() { put(value, at: 48 + index * 8) }
            put(address.rawValue + UInt64(Self.floatingPointOffset), at: 48 + 184)
            put(mask, at: 8 + 296)
            putFloatingPoint(state)
        }

        /// Copies the state and adds what tells the kernel that it is whole (fx_sw_bytes, two magic numbers).
        private mutating func putFloatingPoint(_ state: [UInt8]) {
            let start = Self.floatingPointOffset
            bytes.replaceSubrange(start..<start + state.count, with: state)
            guard state.count >= 576 else { return }
            let software = start + 464
            let enabled = (0..<8).reduce(UInt64(0)) { $0 | UInt64(bytes[software + $1]) << UInt64($1 * 8) }
            let components = enabled & ~(3 << 17)
            put(UInt64(0x4650_5853) | UInt64(state.count + 4) << 32, at: software)
            put(components, at: software + 8)
            put(UInt64(state.count), at: software + 16)
            for at in stride(from: software + 24, to: start + 512, by: 8) { put(0, at: at) }
            let end = start + state.count
            for index in 0..<4 { bytes[end + index] = UInt8(truncatingIfNeeded: 0x4650_5845 >> (index * 8)) }
        }

        private mutating func put(_ value: UInt64, at offset: Int) {
            for index in 0..<8 { bytes[offset + index] = UInt8(truncatingIfNeeded: value >> UInt64(index * 8)) }
        }
    }

    extension Registers {
        /// The kernel's code for "start the interrupted call again unless a handler runs" (ERESTARTNOHAND).
        public static let restartUnlessHandled: Int64 = -514

        /// Calls that answer EINTR if their thread is stopped, although no signal came (signal(7), "Interruption
        /// of system calls and library functions by stop signals"), and that may simply be made again.
        private static let interruptibleCalls: Set<Int64> = [
            // epoll_wait, epoll_pwait, epoll_pwait2, semop, semtimedop, rt_sigtimedwait, io_getevents,
            // io_pgetevents, io_uring_enter
            232, 281, 441, 65, 220, 128, 208, 333, 426,
            // read, readv, write, writev, recvfrom, recvmsg, sendto, sendmsg, accept, accept4: sockets with a time
            // limit (SO_RCVTIMEO, SO_SNDTIMEO)
            0, 19, 1, 20, 45, 47, 44, 46, 43, 288,
        ]

        /// Whether the stopped call is about to answer EINTR only because the thread was stopped.
        @inline(__always)
        public var interruptedByStop: Bool {
            systemCallAnswer == -4 && systemCall >= 0 && Self.interruptibleCalls.contains(systemCall)
        }

        /// The registers with which the thread goes on by itself: where the kernel would restart a system call,
        /// the instruction is made again.
        public var forReturn: Registers {
            guard awaitsRestart || interruptedByStop else { return self }
            var copy = self
            copy.raw.rip = raw.rip &- 2
            copy.raw.rax = raw.orig_rax
            copy.raw.orig_rax = UInt64(bitPattern: -1)
            return copy
        }

        /// Points the thread at an instruction `syscall` with rt_sigreturn loaded, whose frame lies at `frame`.
        ///
        /// If nobody interferes, the thread returns to what the frame holds.
        public mutating func prepareReturn(gadget: RemoteAddress, frame: RemoteAddress) {
            prepareSystemCall(.sigreturn, .init(repeating: 0))
            raw.rip = gadget.rawValue
            // The kernel looks for the frame one word below the stack pointer, as if its first word had been popped.
            raw.rsp = frame.rawValue + 8
        }

        /// At the entry of a system call: makes it another one.
        ///
        /// The instruction behind `syscall` is `ret`, which then finds the frame's first word.
        public mutating func replaceSystemCall(
            _ number: SystemCallNumber, _ arguments: [6 of UInt64], frame: RemoteAddress
        ) {
            prepareSystemCall(number, arguments)
            raw.orig_rax = UInt64(number.rawValue)
            raw.rax = UInt64(bitPattern: -38)
            raw.rsp = frame.rawValue
        }
    }

    extension Tracing {
        /// The whole floating-point and vector state of a stopped thread: `PTRACE_GETREGSET`, `NT_X86_XSTATE`.
        public static func extendedState(_ thread: ThreadID) throws(SystemError) -> [UInt8] {
            var state = [UInt8](repeating: 0, count: 16 << 10)
            // Sound: the kernel writes at most the array's bytes.
            let result = unsafe state.withUnsafeMutableBytes { bytes in
                unsafe SystemCallResult(
                    linux_ptrace_register_set(
                        LINUX_PTRACE_GETREGSET_REQUEST, thread.rawValue, UInt64(LINUX_NT_X86_XSTATE),
                        bytes.baseAddress, bytes.count))
            }
            let count = try result.check("ptrace(PTRACE_GETREGSET)", "thread \(thread)")
            return Array(state.prefix(count))
        }

        /// Replaces what the stopped system call answers (rax): `PTRACE_POKEUSER`.
        @inline(__always)
        public static func setSystemCallAnswer(_ thread: ThreadID, _ answer: Int64) -> SystemCallResult {
            // rax is the eleventh word of struct user_regs_struct, with which struct user starts.
            SystemCallResult(linux_poke_user(thread.rawValue, 80, UInt64(bitPattern: answer)))
        }
    }
#endif
