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
        private let registers: Registers
        private let mask: UInt64
        private let state: ArraySlice<UInt8>
        private let address: RemoteAddress
        private let restorer: RemoteAddress
        private static let floatingPointOffset = 448

        /// Finds out now what later frames need to know about the processor, so that no thread waits for it.
        public static func prepare() { _ = linux_default_extended_state(0) }

        /// The space that a frame for this floating-point state takes, in bytes.
        public static func size(extendedState: [UInt8]) -> Int {
            floatingPointOffset + (extendedState.isEmpty ? 0 : extendedState.count + 4)
        }

        /// Describes a frame.
        ///
        /// - Parameters:
        ///   - registers: what the thread goes on with; see ``Registers/forReturn``.
        ///   - mask: the signals blocked then.
        ///   - extendedState: as `PTRACE_GETREGSET` gives it for `NT_X86_XSTATE`; empty resets it, which is right
        ///     for a frame that only leads to another one.
        ///   - address: where the frame will lie, 64-byte aligned.
        ///   - restorer: code that calls rt_sigreturn.
        public init(
            registers: Registers, mask: UInt64, extendedState: [UInt8], address: RemoteAddress,
            restorer: RemoteAddress
        ) {
            self.registers = registers
            self.mask = mask
            self.address = address
            self.restorer = restorer
            // Components that a thread has to ask for aren't in the state that every thread may restore.
            state = extendedState.prefix(linux_default_extended_state(extendedState.count))
        }

        /// Writes the frame's bytes over zeroed ones at an offset; the thread is stopped meanwhile, so this takes
        /// its time word by word and allocates nothing.
        public func write(into bytes: inout [UInt8], at offset: Int) {
            precondition(offset >= 0 && bytes.count - offset >= Self.floatingPointOffset + state.count + 4)
            // All offsets below are inside the frame's size, for which there is room.
            unsafe bytes.withUnsafeMutableBytes { all in
                let frame = unsafe UnsafeMutableRawBufferPointer(rebasing: all[offset...])
                unsafe writeGeneral(frame)
                if !state.isEmpty { unsafe writeExtended(frame) }
            }
        }

        private func writeGeneral(_ frame: UnsafeMutableRawBufferPointer) {
            func put(_ value: UInt64, _ at: Int) {
                unsafe frame.storeBytes(of: value, toByteOffset: at, as: UInt64.self)
            }
            let raw = registers.raw
            put(restorer.rawValue, 0)
            // UC_FP_XSTATE if there is such state, UC_SIGCONTEXT_SS, UC_STRICT_RESTORE_SS.
            put(state.isEmpty ? 6 : 7, 8)
            // The alternate stack isn't known from outside: flags that the kernel refuses, and ignores the refusal
            // of, leave it as it is.
            put(0x4000_0000, 8 + 24)
            let general: [19 of UInt64] = [
                raw.r8, raw.r9, raw.r10, raw.r11, raw.r12, raw.r13, raw.r14, raw.r15, raw.rdi, raw.rsi, raw.rbp,
                raw.rbx, raw.rdx, raw.rax, raw.rcx, raw.rsp, raw.rip, raw.eflags,
                raw.cs & 0xffff | (raw.ss & 0xffff) << 48,
            ]
            for index in general.indices { put(general[index], 48 + index * 8) }
            put(mask, 8 + 296)
        }

        /// Copies the state and adds what tells the kernel that it is whole (fx_sw_bytes, two magic numbers).
        private func writeExtended(_ frame: UnsafeMutableRawBufferPointer) {
            func put(_ value: UInt64, _ at: Int) {
                unsafe frame.storeBytes(of: value, toByteOffset: at, as: UInt64.self)
            }
            let start = Self.floatingPointOffset
            put(address.rawValue + UInt64(start), 48 + 184)
            let room = unsafe UnsafeMutableRawBufferPointer(rebasing: frame[start..<start + state.count])
            unsafe state.withUnsafeBytes { unsafe room.copyMemory(from: $0) }
            guard state.count >= 576 else { return }
            let software = start + 464
            let enabled = unsafe frame.loadUnaligned(fromByteOffset: software, as: UInt64.self)
            put(UInt64(0x4650_5853) | UInt64(state.count + 4) << 32, software)
            put(enabled & ~(3 << 17), software + 8)
            put(UInt64(state.count), software + 16)
            for at in stride(from: software + 24, to: start + 512, by: 8) { put(0, at) }
            unsafe frame.storeBytes(of: 0x4650_5845, toByteOffset: start + state.count, as: UInt32.self)
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

        /// Points the thread at a function with up to three arguments (System V ABI, 3.2.3).
        ///
        /// - Parameter stackPointer: where the address to return to stands; 8 bytes off a multiple of 16.
        public mutating func prepareFunctionCall(
            _ function: RemoteAddress, _ arguments: [3 of UInt64], stackPointer: RemoteAddress
        ) {
            raw.rip = function.rawValue
            raw.rsp = stackPointer.rawValue
            raw.rdi = arguments[0]
            raw.rsi = arguments[1]
            raw.rdx = arguments[2]
            raw.rax = 0
            raw.orig_rax = UInt64(bitPattern: -1)
            // Direction and trap flag are clear at the entry of every function.
            raw.eflags &= ~0x500
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

        /// Points the thread at an instruction `syscall` with a call loaded; the `ret` behind it finds the first
        /// word of `frame`, which leads to rt_sigreturn.
        public mutating func prepareSystemCall(
            _ number: SystemCallNumber, _ arguments: [6 of UInt64], gadget: RemoteAddress, frame: RemoteAddress
        ) {
            prepareSystemCall(number, arguments)
            raw.rip = gadget.rawValue
            raw.rsp = frame.rawValue
        }

        /// At the entry of a system call: makes it another one.
        ///
        /// The instruction behind `syscall` is `ret`, which then finds the frame's first word.
        public mutating func replaceSystemCall(
            _ number: SystemCallNumber, _ arguments: [6 of UInt64], gadget: RemoteAddress, frame: RemoteAddress
        ) {
            prepareSystemCall(number, arguments)
            raw.orig_rax = UInt64(number.rawValue)
            raw.rax = UInt64(bitPattern: -38)
            raw.rip = gadget.rawValue + 2
            raw.rsp = frame.rawValue
        }
    }

    extension Tracing {
        /// The whole floating-point and vector state of a stopped thread: `PTRACE_GETREGSET`, `NT_X86_XSTATE`.
        ///
        /// - Parameter state: replaced; nothing is allocated if it has 16 KiB.
        public static func extendedState(_ thread: ThreadID, into state: inout [UInt8]) throws(SystemError) {
            if state.count < 16 << 10 { state = [UInt8](repeating: 0, count: 16 << 10) }
            // Sound: the kernel writes at most the array's bytes.
            let result = unsafe state.withUnsafeMutableBytes { bytes in
                unsafe SystemCallResult(
                    linux_ptrace_register_set(
                        LINUX_PTRACE_GETREGSET_REQUEST, thread.rawValue, UInt64(LINUX_NT_X86_XSTATE),
                        bytes.baseAddress, bytes.count))
            }
            let count = try result.check("ptrace(PTRACE_GETREGSET)", "thread \(thread)")
            state.removeLast(state.count - count)
        }

        /// Replaces what the stopped system call answers (rax): `PTRACE_POKEUSER`.
        @inline(__always)
        public static func setSystemCallAnswer(_ thread: ThreadID, _ answer: Int64) -> SystemCallResult {
            // rax is the eleventh word of struct user_regs_struct, with which struct user starts.
            SystemCallResult(linux_poke_user(thread.rawValue, 80, UInt64(bitPattern: answer)))
        }
    }
#endif
