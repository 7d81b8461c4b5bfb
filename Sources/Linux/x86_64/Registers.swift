#if arch(x86_64)
    import CLinux

    /// The general registers of a stopped thread on x86-64: `struct user_regs_struct` in sys/user.h.
    ///
    /// The names without a register in them (``instructionPointer``, ...) are what other rooms use; every
    /// architecture's type of this name has them.
    public struct Registers: Sendable {
        /// The C structure.
        var raw: user_regs_struct

        /// All zero, to be filled in by ``Tracing/registers(_:into:)``.
        public init() { raw = user_regs_struct() }

        /// The next instruction (rip).
        @inline(__always)
        public var instructionPointer: RemoteAddress {
            get { RemoteAddress(raw.rip) }
            set { raw.rip = newValue.rawValue }
        }

        /// The top of the stack (rsp).
        ///
        /// Up to 128 bytes below it belong to the running function as well.
        @inline(__always)
        public var stackPointer: RemoteAddress {
            get { RemoteAddress(raw.rsp) }
            set { raw.rsp = newValue.rawValue }
        }

        /// The frame pointer (rbp), where the code keeps one.
        public var framePointer: RemoteAddress {
            get { RemoteAddress(raw.rbp) }
            set { raw.rbp = newValue.rawValue }
        }

        /// Bytes below the stack pointer that a function may use without moving it (System V ABI, 3.2.2).
        public static let redZone: UInt64 = 128

        /// The system call that the thread is in, or -1 if it is in none (orig_rax).
        public var systemCall: Int64 {
            get { Int64(bitPattern: raw.orig_rax) }
            set { raw.orig_rax = UInt64(bitPattern: newValue) }
        }

        /// What the last system call answered (rax).
        ///
        /// A value, `-errno`, or one of the kernel's own restart codes (-512, -513, -514, -516) if the thread was
        /// stopped inside one.
        public var systemCallAnswer: Int64 {
            get { Int64(bitPattern: raw.rax) }
            set { raw.rax = UInt64(bitPattern: newValue) }
        }

        /// The register with a DWARF number (System V ABI, figure 3.36: 0...15 general, 16 the return
        /// address, which is rip here); nil for all others.
        public func dwarfRegister(_ number: Int) -> UInt64? {
            let table: [17 of UInt64] = [
                raw.rax, raw.rdx, raw.rcx, raw.rbx, raw.rsi, raw.rdi, raw.rbp, raw.rsp,
                raw.r8, raw.r9, raw.r10, raw.r11, raw.r12, raw.r13, raw.r14, raw.r15, raw.rip,
            ]
            return table.indices.contains(number) ? table[number] : nil
        }

        /// The base of thread-local storage (fs_base).
        public var threadPointer: RemoteAddress { RemoteAddress(raw.fs_base) }

        /// Whether the thread runs 64-bit code now: the code segment is not that of 32-bit compatibility.
        public var runs64BitCode: Bool { raw.cs == 0x33 }

        /// Whether the thread was stopped in a system call that the kernel will restart on resuming:
        /// ERESTARTSYS, ERESTARTNOINTR, ERESTARTNOHAND or ERESTART_RESTARTBLOCK.
        public var awaitsRestart: Bool {
            systemCall >= 0 && [-512, -513, -514, -516].contains(systemCallAnswer)
        }

        /// Loads number and arguments of a system call, to be made at an instruction `syscall`, and marks
        /// the thread as being in none, so that the kernel doesn't restart the interrupted one meanwhile.
        public mutating func prepareSystemCall(_ number: SystemCallNumber, _ arguments: [6 of UInt64]) {
            raw.rax = UInt64(bitPattern: Int64(number.rawValue))
            raw.rdi = arguments[0]
            raw.rsi = arguments[1]
            raw.rdx = arguments[2]
            raw.r10 = arguments[3]
            raw.r8 = arguments[4]
            raw.r9 = arguments[5]
            raw.orig_rax = UInt64(bitPattern: -1)
        }
    }

    extension Tracing {
        /// Reads the general registers of a stopped thread: `PTRACE_GETREGS`.
        @inline(__always)
        public static func registers(_ thread: ThreadID, into registers: inout Registers) -> SystemCallResult {
            // Sound: the request writes one user_regs_struct, which is what `raw` is.
            unsafe SystemCallResult(
                linux_ptrace_data(LINUX_PTRACE_GETREGS, thread.rawValue, 0, &registers.raw))
        }

        /// Replaces the general registers of a stopped thread: `PTRACE_SETREGS`.
        @inline(__always)
        public static func setRegisters(_ thread: ThreadID, _ registers: Registers) -> SystemCallResult {
            var raw = registers.raw
            // Sound: the request reads one user_regs_struct, which is what `raw` is.
            return unsafe SystemCallResult(linux_ptrace_data(LINUX_PTRACE_SETREGS, thread.rawValue, 0, &raw))
        }
    }
#endif
