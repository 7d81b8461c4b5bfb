#ifndef TSUGITE_CLINUX_CONSTANTS_H
#define TSUGITE_CLINUX_CONSTANTS_H
// Numbers that the system's headers define as macros Swift doesn't import, or behind feature macros.
#include <linux/ptrace.h>
#include <linux/wait.h>
#include <stdint.h>
#include <sys/syscall.h>

// ptrace(2) requests.
static const long LINUX_PTRACE_CONT = PTRACE_CONT;
static const long LINUX_PTRACE_SINGLESTEP = PTRACE_SINGLESTEP;
static const long LINUX_PTRACE_DETACH = PTRACE_DETACH;
static const long LINUX_PTRACE_SYSCALL = PTRACE_SYSCALL;
static const long LINUX_PTRACE_SETOPTIONS = PTRACE_SETOPTIONS;
static const long LINUX_PTRACE_GETEVENTMSG = PTRACE_GETEVENTMSG;
static const long LINUX_PTRACE_GETSIGINFO = PTRACE_GETSIGINFO;
static const long LINUX_PTRACE_SETSIGINFO = PTRACE_SETSIGINFO;
static const long LINUX_PTRACE_SEIZE = PTRACE_SEIZE;
static const long LINUX_PTRACE_INTERRUPT = PTRACE_INTERRUPT;
static const long LINUX_PTRACE_LISTEN = PTRACE_LISTEN;
static const long LINUX_PTRACE_GETSIGMASK = PTRACE_GETSIGMASK;
static const long LINUX_PTRACE_SETSIGMASK = PTRACE_SETSIGMASK;
static const long LINUX_PTRACE_GET_RSEQ_CONFIGURATION = PTRACE_GET_RSEQ_CONFIGURATION;
static const long LINUX_PTRACE_GETREGSET = PTRACE_GETREGSET;
static const long LINUX_PTRACE_SETREGSET = PTRACE_SETREGSET;
#ifdef __x86_64__
static const long LINUX_PTRACE_GETREGS = PTRACE_GETREGS;
static const long LINUX_PTRACE_SETREGS = PTRACE_SETREGS;
#endif

// ptrace(2) options.
static const uint64_t LINUX_PTRACE_O_TRACESYSGOOD = PTRACE_O_TRACESYSGOOD;
static const uint64_t LINUX_PTRACE_O_TRACEFORK = PTRACE_O_TRACEFORK;
static const uint64_t LINUX_PTRACE_O_TRACEVFORK = PTRACE_O_TRACEVFORK;
static const uint64_t LINUX_PTRACE_O_TRACECLONE = PTRACE_O_TRACECLONE;
static const uint64_t LINUX_PTRACE_O_TRACEEXEC = PTRACE_O_TRACEEXEC;
static const uint64_t LINUX_PTRACE_O_TRACEVFORKDONE = PTRACE_O_TRACEVFORKDONE;
static const uint64_t LINUX_PTRACE_O_TRACEEXIT = PTRACE_O_TRACEEXIT;
static const uint64_t LINUX_PTRACE_O_TRACESECCOMP = PTRACE_O_TRACESECCOMP;
static const uint64_t LINUX_PTRACE_O_EXITKILL = PTRACE_O_EXITKILL;
static const uint64_t LINUX_PTRACE_O_SUSPEND_SECCOMP = PTRACE_O_SUSPEND_SECCOMP;

// wait4(2) options.
static const int LINUX_WNOHANG = WNOHANG;
static const int LINUX_WALL = (int)__WALL;
static const int LINUX_WNOTHREAD = (int)__WNOTHREAD;

// System call numbers for calls carried out inside another process.
static const long LINUX_SYS_mmap = SYS_mmap;
static const long LINUX_SYS_munmap = SYS_munmap;
static const long LINUX_SYS_mprotect = SYS_mprotect;
static const long LINUX_SYS_madvise = SYS_madvise;
static const long LINUX_SYS_memfd_create = SYS_memfd_create;
static const long LINUX_SYS_openat = SYS_openat;
static const long LINUX_SYS_close = SYS_close;
static const long LINUX_SYS_prctl = SYS_prctl;
static const long LINUX_SYS_rt_sigaction = SYS_rt_sigaction;
static const long LINUX_SYS_rt_sigreturn = SYS_rt_sigreturn;
static const long LINUX_SYS_restart_syscall = SYS_restart_syscall;
static const long LINUX_SYS_ftruncate = SYS_ftruncate;
static const long LINUX_SYS_getpid = SYS_getpid;
static const long LINUX_SYS_gettid = SYS_gettid;
#endif
