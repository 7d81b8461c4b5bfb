/// The program that most tests here patch: it obeys commands on its standard input, a line each, and answers with
/// one line.
///
/// `VERSION` is what the patched functions report.
let labSource = #"""
    #define _GNU_SOURCE
    #include <errno.h>
    #include <fcntl.h>
    #include <poll.h>
    #include <pthread.h>
    #include <sched.h>
    #include <signal.h>
    #include <stdint.h>
    #include <stdio.h>
    #include <stdlib.h>
    #include <string.h>
    #include <sys/epoll.h>
    #include <sys/mman.h>
    #include <sys/prctl.h>
    #include <sys/socket.h>
    #include <sys/syscall.h>
    #include <sys/time.h>
    #include <sys/wait.h>
    #include <linux/filter.h>
    #include <linux/futex.h>
    #include <linux/seccomp.h>
    #include <netinet/in.h>
    #include <time.h>
    #include <ucontext.h>
    #include <unistd.h>

    #ifdef __clang__
    #define NOINLINE __attribute__((noinline))
    #else
    #define NOINLINE __attribute__((noinline, noclone))
    #endif

    __attribute__((used)) static const char library_mark[] = RUN;
    #ifdef MAIN_ONLY
    extern int counter, pipes[2]; extern volatile int inside; extern int (*pointer)(int);
    int scale(int), answer(int), second(int), linger(int), stay(int), recurse(int), harmless(int); void wait_inside(void);
    #else
    int counter = 1;
    static int hidden = 3;
    int pipes[2];
    volatile int inside;

    /* ---- the functions that tests replace ---- */
    NOINLINE int scale(int x) { hidden++; return x * 10 * counter + (hidden & 0); }
    NOINLINE int answer(int x) {
        static const char text[] = "a string of version " "abcdef";
        static int calls;
        calls++;
        return scale(x) + VERSION + (text[calls % 5] & 0);
    }
    NOINLINE int second(int x) {
        switch (x) {
        case 0: return 100 + VERSION;
        case 1: return 200 + VERSION;
        case 2: return 300 + VERSION;
        case 3: return 400 + VERSION;
        case 4: return 500 + VERSION;
        case 5: return 600 + VERSION;
        default: return VERSION;
        }
    }
    NOINLINE void wait_inside(void) {
        char c;
        inside++;
        while (read(pipes[0], &c, 1) < 0 && errno == EINTR) ;
        inside--;
    }
    NOINLINE int linger(int x) { struct timespec t = { 0, 3000000 }; nanosleep(&t, NULL); return x + VERSION; }
    NOINLINE int stay(int x) { wait_inside(); return x + VERSION; }
    NOINLINE int recurse(int depth) {
        volatile char frame[64];
        frame[0] = (char)depth;
        if (depth == 0) wait_inside(); else recurse(depth - 1);
        return frame[0] + VERSION;
    }
    NOINLINE int harmless(int depth) {
        volatile char frame[64];
        frame[0] = (char)depth;
        if (depth == 0) wait_inside(); else harmless(depth - 1);
        return frame[0];
    }
    int (*pointer)(int) = answer;
    #endif

    #ifndef LIBRARY_ONLY
    /* ---- everything else ---- */
    static volatile int last[2100], stop_storm;
    static volatile long calls[2100];
    static int workers;
    volatile long signals;

    static double now(void) { struct timespec t; clock_gettime(CLOCK_MONOTONIC, &t); return t.tv_sec + t.tv_nsec / 1e9; }
    static void *worker(void *arg) {
        long id = (long)arg;
        for (;;) { last[id] = answer(4); calls[id]++; if (id % 2) usleep(500 + id); else sched_yield(); }
        return NULL;
    }
    static void *stay_thread(void *arg) { (void)arg; stay(1); return NULL; }
    static void *sleeper(void *arg) { for (;;) { last[0] = answer(4); usleep(50000); } return arg; }
    static void *linger_thread(void *arg) { for (;;) { last[0] = linger(40); getppid(); } return arg; }
    static ucontext_t scheduler, coroutine; static volatile int in_coroutine;
    static void coroutine_body(void) { in_coroutine = 1; wait_inside(); in_coroutine = 2; swapcontext(&coroutine, &scheduler); }
    static void *coroutine_thread(void *arg) {
        static char stack[256 << 10];
        getcontext(&coroutine); coroutine.uc_stack.ss_sp = stack; coroutine.uc_stack.ss_size = sizeof stack;
        makecontext(&coroutine, coroutine_body, 0);
        swapcontext(&scheduler, &coroutine);
        for (;;) pause();
        return arg;
    }
    static void *recurse_thread(void *arg) { recurse((int)(long)arg); return NULL; }
    static void *harmless_thread(void *arg) { harmless((int)(long)arg); return NULL; }
    static void start(void *(*f)(void *), long arg, size_t stack) {
        pthread_t t; pthread_attr_t a; pthread_attr_init(&a);
        if (stack) pthread_attr_setstacksize(&a, stack);
        if (pthread_create(&t, &a, f, (void *)arg)) { puts("no thread"); return; }
        pthread_detach(t);
    }
    static void await(int n) { while (inside < n) usleep(500); }
    static void count_signal(int s) { (void)s; __atomic_add_fetch(&signals, 1, __ATOMIC_RELAXED); }
    static void handler_answer(int s) { (void)s; last[0] = answer(4); }
    static void block_in_handler(int s) { (void)s; wait_inside(); }
    static void *alt_thread(void *arg) {
        stack_t st = { .ss_sp = malloc(65536), .ss_size = 65536 };
        sigaltstack(&st, NULL);
        struct sigaction sa = { .sa_handler = block_in_handler, .sa_flags = SA_ONSTACK };
        sigaction(SIGUSR1, &sa, NULL);
        if (arg) { volatile int x = 0; x += stay(0); } else pthread_kill(pthread_self(), SIGUSR1);
        return NULL;
    }
    static pthread_t in_stay;
    static void *alt_stay_thread(void *arg) { in_stay = pthread_self(); return alt_thread(arg); }
    static void *fork_storm(void *arg) {
        (void)arg;
        while (!stop_storm) { pid_t p = fork(); if (p == 0) { usleep(3000); _exit(answer(4) == 0); } if (p > 0) { int s; waitpid(p, &s, 0); } }
        stop_storm = 2; return NULL;
    }
    static void *short_thread(void *arg) { (void)arg; answer(4); return NULL; }
    static void *thread_storm(void *arg) {
        (void)arg;
        while (!stop_storm) { pthread_t t[8]; int n = 0; for (; n < 8; n++) if (pthread_create(&t[n], NULL, short_thread, NULL)) break; while (n) pthread_join(t[--n], NULL); }
        stop_storm = 2; return NULL;
    }
    static void *exec_thread(void *arg) { execl("/proc/self/exe", (char *)arg, "again", NULL); return NULL; }
    static void *spin(void *arg) { (void)arg; for (;;) { last[0] = answer(4); for (volatile int i = 0; i < 20; i++) ; } return NULL; }

    /* blocking calls: each thread makes one and notes what it answered, and how long it took */
    struct wait_test { const char *name; volatile int done; long result; int error; double seconds; };
    static struct wait_test waits[] = { {"nanosleep"}, {"poll"}, {"futex"}, {"read"}, {"sigsuspend"}, {"accept"}, {"epoll"}, {"semop"}, {"select"}, {"recv"}, {"sigtimedwait"}, {"futex-timeout"} };
    enum { WAITS = sizeof waits / sizeof *waits };
    static int word, idle_pipe[2], end_pipe[2], listener, sock[2]; static struct sockaddr_in address;
    #include <sys/sem.h>
    static int sem;
    static void *waiter(void *arg) {
        long i = (long)arg; struct wait_test *w = &waits[i]; const char *n = w->name; double t = now(); long r = 0;
        errno = 0;
        struct timespec two = { 2, 0 };
        if (!strcmp(n, "nanosleep")) r = nanosleep(&two, NULL);
        else if (!strcmp(n, "poll")) { struct pollfd p = { idle_pipe[0], POLLIN, 0 }; r = poll(&p, 1, 2000); }
        else if (!strcmp(n, "futex")) r = syscall(SYS_futex, &word, FUTEX_WAIT_PRIVATE, 0, NULL, NULL, 0);
        else if (!strcmp(n, "futex-timeout")) r = syscall(SYS_futex, &waits[0].result, FUTEX_WAIT_PRIVATE, 0, &two, NULL, 0);
        else if (!strcmp(n, "read")) { char c; r = read(end_pipe[0], &c, 1); }
        else if (!strcmp(n, "sigsuspend")) { sigset_t s; sigfillset(&s); sigdelset(&s, SIGUSR2); r = sigsuspend(&s); }
        else if (!strcmp(n, "accept")) r = accept(listener, NULL, NULL);
        else if (!strcmp(n, "epoll")) { int e = epoll_create1(0); struct epoll_event ev = { .events = EPOLLIN }; epoll_ctl(e, EPOLL_CTL_ADD, end_pipe[0], &ev); r = epoll_wait(e, &ev, 1, -1); }
        else if (!strcmp(n, "semop")) { struct sembuf b = { 0, -1, 0 }; r = semop(sem, &b, 1); }
        else if (!strcmp(n, "select")) { fd_set f; FD_ZERO(&f); FD_SET(idle_pipe[0], &f); struct timeval tv = { 2, 0 }; r = select(idle_pipe[0] + 1, &f, NULL, NULL, &tv); }
        else if (!strcmp(n, "recv")) { char c; struct timeval tv = { 60, 0 }; setsockopt(sock[0], SOL_SOCKET, SO_RCVTIMEO, &tv, sizeof tv); r = recv(sock[0], &c, 1, 0); }
        else if (!strcmp(n, "sigtimedwait")) { sigset_t s; sigemptyset(&s); sigaddset(&s, SIGRTMIN + 3); struct timespec long_time = { 60, 0 }; r = sigtimedwait(&s, NULL, &long_time); }
        w->error = r < 0 ? errno : 0; w->result = r; w->seconds = now() - t; w->done = 1;
        return NULL;
    }
    static pthread_t wait_threads[WAITS];
    static void start_waits(void) {
        sigset_t s; sigemptyset(&s); sigaddset(&s, SIGRTMIN + 3); pthread_sigmask(SIG_BLOCK, &s, NULL);
        if (pipe(idle_pipe) || pipe(end_pipe) || socketpair(AF_UNIX, SOCK_STREAM, 0, sock)) abort();
        listener = socket(AF_INET, SOCK_STREAM, 0); address.sin_family = AF_INET; address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        socklen_t l = sizeof address; bind(listener, (void *)&address, l); listen(listener, 5); getsockname(listener, (void *)&address, &l);
        sem = semget(IPC_PRIVATE, 1, 0600);
        struct sigaction sa = { .sa_handler = count_signal }; sigaction(SIGUSR2, &sa, NULL);
        for (long i = 0; i < WAITS; i++) pthread_create(&wait_threads[i], NULL, waiter, (void *)i);
    }
    static void end_waits(void) {
        for (int i = 0; i < WAITS; i++) {
            const char *n = waits[i].name;
            if (waits[i].done) continue;
            if (!strcmp(n, "futex")) { __atomic_store_n(&word, 1, __ATOMIC_SEQ_CST); syscall(SYS_futex, &word, FUTEX_WAKE_PRIVATE, 1, NULL, NULL, 0); }
            if (!strcmp(n, "sigsuspend")) pthread_kill(wait_threads[i], SIGUSR2);
            if (!strcmp(n, "accept")) { int c = socket(AF_INET, SOCK_STREAM, 0); connect(c, (void *)&address, sizeof address); }
            if (!strcmp(n, "semop")) { struct sembuf b = { 0, 1, 0 }; semop(sem, &b, 1); }
            if (!strcmp(n, "recv")) { if (write(sock[1], "x", 1) != 1) abort(); }
            if (!strcmp(n, "sigtimedwait")) pthread_kill(wait_threads[i], SIGRTMIN + 3);
        }
        usleep(50000);
        if (write(end_pipe[1], "xx", 2) != 2) abort();
        for (int i = 0; i < WAITS; i++) { pthread_join(wait_threads[i], NULL); printf("%s=%ld/%d/%.1f ", waits[i].name, waits[i].result, waits[i].error, waits[i].seconds); }
        semctl(sem, 0, IPC_RMID);
        puts("");
    }
    static void filter(void) {
        struct sock_filter f[] = {
            BPF_STMT(BPF_LD | BPF_W | BPF_ABS, 0),
            BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_mmap, 4, 0),
            BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_mprotect, 3, 0),
            BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_memfd_create, 2, 0),
            BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_getppid, 1, 0),
            BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
            BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS),
        };
        struct sock_fprog p = { sizeof f / sizeof *f, f };
        prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
        if (prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &p)) puts("no filter"); else puts("filtered");
    }
    /* the mapping of the program's own code */
    static size_t own_text(char **start) {
        char line[300]; unsigned long s, e, found = 0, end = 0;
        FILE *m = fopen("/proc/self/maps", "r");
        while (fgets(line, sizeof line, m))
            if (sscanf(line, "%lx-%lx", &s, &e) == 2 && (unsigned long)answer >= s && (unsigned long)answer < e) { found = s; end = e; }
        fclose(m);
        *start = (char *)found;
        return end - found;
    }
    /* as programs do that put their text on huge pages */
    static int remap(void) {
        char *text; size_t size = own_text(&text);
        char *copy = mmap(0, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        memcpy(copy, text, size);
        madvise(copy, size, MADV_HUGEPAGE);
        mprotect(copy, size, PROT_READ | PROT_EXEC);
        return mremap(copy, size, size, MREMAP_MAYMOVE | MREMAP_FIXED, text) == text;
    }
    static void *jit_thread(void *code) { ((void (*)(void))code)(); return NULL; }
    static int jit(void) {
        char *code = mmap(0, 4096, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        if (code == MAP_FAILED) return 0;
        memcpy(code, "\xf3\x90\xeb\xfc", 4);
        start(jit_thread, (long)code, 0);
        usleep(10000);
        return 1;
    }
    static int heap(void) {
        char *m = mmap(0, 8ul << 30, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
        if (m == MAP_FAILED) return 0;
        for (size_t at = 0; at < 8ul << 30; at += 16 << 20) m[at] = 1;
        return 1;
    }
    static int seal(void) { char *text; size_t size = own_text(&text); return syscall(462, text, size, 0) == 0; }
    /* takes everything within reach of the program's own code */
    static void fill(void) {
        uintptr_t at = (uintptr_t)answer, low = at > 0x90000000ul ? at - 0x90000000ul : 0x10000, high = at + 0x90000000ul;
        static char text[1 << 20];
        int f = open("/proc/self/maps", O_RDONLY); size_t n = 0; ssize_t r;
        while ((r = read(f, text + n, sizeof text - 1 - n)) > 0) n += (size_t)r;
        close(f); text[n] = 0;
        uintptr_t end = low & ~4095ul; long taken = 0;
        for (char *l = text; l && *l; l = strchr(l, '\n') ? strchr(l, '\n') + 1 : NULL) {
            uintptr_t a, b;
            if (sscanf(l, "%lx-%lx", &a, &b) != 2) break;
            if (b <= low) continue;
            if (a > high) a = high & ~4095ul;
            if (a > end && mmap((void *)end, a - end, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED_NOREPLACE, -1, 0) == (void *)end) taken++;
            if (b > end) end = b;
            if (end >= high) break;
        }
        printf("%ld\n", taken);
    }
    __attribute__((used)) static const char run_mark[] = RUN;
    int main(int argc, char **argv) {
        static char line[200];
        sigset_t none; sigemptyset(&none); sigprocmask(SIG_SETMASK, &none, NULL);
        setvbuf(stdout, 0, _IOLBF, 0);
        if (pipe(pipes)) return 1;
        puts(argc > 1 ? argv[1] : "ready");
        while (fgets(line, sizeof line, stdin)) {
            char w[100] = ""; long n = 0;
            sscanf(line, "%99s %ld", w, &n);
            if (!strcmp(w, "a")) printf("%d\n", answer(4));
            else if (!strcmp(w, "p")) printf("%d %d\n", pointer(4), pointer == answer);
            else if (!strcmp(w, "s")) printf("%d %d %d\n", second(0), second(4), second(9));
            else if (!strcmp(w, "threads")) { for (long i = 0; i < n; i++) start(worker, ++workers, 256 << 10); usleep(20000); puts("ok"); }
            else if (!strcmp(w, "w")) {
                static long seen[2100]; int low = 1 << 30, high = 0;
                for (int i = 1; i <= workers; i++) seen[i] = calls[i];
                for (int i = 1; i <= workers; i++) { while (calls[i] < seen[i] + 2) usleep(200); if (last[i] < low) low = last[i]; if (last[i] > high) high = last[i]; }
                printf("%d %d\n", low, high);
            }
            else if (!strcmp(w, "stay")) { int before = inside; start(stay_thread, 0, 0); await(before + 1); puts("ok"); }
            else if (!strcmp(w, "sleepers")) { for (long i = 0; i < n; i++) start(sleeper, 0, 64 << 10); usleep(20000); puts("ok"); }
            else if (!strcmp(w, "linger")) { start(linger_thread, 0, 0); usleep(20000); puts("ok"); }
            else if (!strcmp(w, "lingered")) { usleep(20000); printf("%d\n", last[0]); }
            else if (!strcmp(w, "coroutine")) { int before = inside; start(coroutine_thread, 0, 0); await(before + 1); puts("ok"); }
            else if (!strcmp(w, "recurse")) { int before = inside; start(recurse_thread, n, (size_t)n * 256 + (1 << 20)); await(before + 1); puts("ok"); }
            else if (!strcmp(w, "harmless")) { int before = inside; start(harmless_thread, n, (size_t)n * 256 + (1 << 20)); await(before + 1); puts("ok"); }
            else if (!strcmp(w, "leave")) { if (write(pipes[1], "x", 1) != 1) abort(); usleep(20000); puts("ok"); }
            else if (!strcmp(w, "alt")) { int before = inside; start(alt_thread, 0, 0); await(before + 1); puts("ok"); }
            else if (!strcmp(w, "alt-stay")) { int before = inside; start(alt_stay_thread, 1, 0); await(before + 1); pthread_kill(in_stay, SIGUSR1); await(before + 2); puts("ok"); }
            else if (!strcmp(w, "count")) { struct sigaction sa = { .sa_handler = count_signal, .sa_flags = SA_RESTART }; sigaction(SIGRTMIN + 1, &sa, NULL); puts("ok"); }
            else if (!strcmp(w, "signals")) printf("%ld\n", signals);
            else if (!strcmp(w, "timer")) { struct sigaction sa = { .sa_handler = handler_answer, .sa_flags = SA_RESTART }; sigaction(SIGALRM, &sa, NULL); struct itimerval v = { { 0, 500 }, { 0, 500 } }; setitimer(ITIMER_REAL, &v, NULL); puts("ok"); }
            else if (!strcmp(w, "untimer")) { struct itimerval v = { 0 }; setitimer(ITIMER_REAL, &v, NULL); printf("%d\n", last[0]); }
            else if (!strcmp(w, "vfork")) { puts("ok"); pid_t p = vfork(); if (p == 0) { struct timespec t = { n / 1000, n % 1000 * 1000000 }; nanosleep(&t, NULL); _exit(0); } int s; waitpid(p, &s, 0); puts("back"); }
            else if (!strcmp(w, "exec")) execl("/proc/self/exe", argv[0], "again", NULL);
            else if (!strcmp(w, "exec-thread")) { start(exec_thread, (long)argv[0], 0); for (;;) pause(); }
            else if (!strcmp(w, "fork")) { pid_t p = fork(); if (p == 0) { for (;;) pause(); } printf("%d\n", p); }
            else if (!strcmp(w, "fork-storm")) { for (long i = 0; i < n; i++) start(fork_storm, 0, 0); puts("ok"); }
            else if (!strcmp(w, "thread-storm")) { for (long i = 0; i < n; i++) start(thread_storm, 0, 0); puts("ok"); }
            else if (!strcmp(w, "calm")) { stop_storm = 1; usleep(300000); puts("ok"); }
            else if (!strcmp(w, "spin")) { for (long i = 0; i < n; i++) start(spin, 0, 0); usleep(1000); puts("ok"); }
            else if (!strcmp(w, "waits")) { start_waits(); usleep(100000); puts("ok"); }
            else if (!strcmp(w, "end-waits")) end_waits();
            else if (!strcmp(w, "filter")) filter();
            else if (!strcmp(w, "mdwe")) { printf("%d\n", prctl(65, 1, 0, 0, 0)); }
            else if (!strcmp(w, "undumpable")) { printf("%d\n", prctl(PR_SET_DUMPABLE, 0)); }
            else if (!strcmp(w, "fill")) fill();
            else if (!strcmp(w, "remap")) puts(remap() ? "ok" : "failed");
            else if (!strcmp(w, "jit")) puts(jit() ? "ok" : "failed");
            else if (!strcmp(w, "heap")) puts(heap() ? "ok" : "failed");
            else if (!strcmp(w, "seal")) puts(seal() ? "ok" : "unsupported");
            else if (!strcmp(w, "getppid")) printf("%d\n", getppid() > 0);
            else if (!strcmp(w, "exit")) exit(0);
            else if (!strcmp(w, "leader-exit")) { puts("ok"); pthread_exit(NULL); }
            else puts("what?");
        }
        return 0;
    }
    #endif
    """#
