import Foundation
import Linux
import TestSupport
import Testing

/// What the code may have been built with: each way makes a program that is patched while it runs, and back.
@Suite(.enabled(if: mayTrace, "attaching to processes needs root")) struct MatrixTests {
    /// One way to build.
    struct Way: Sendable, CustomTestStringConvertible {
        var name: String
        var compiler = "gcc"
        var compile = "-O2"
        var link = ""
        var testDescription: String { name }
    }

    private static let step = """
        #include <stdio.h>
        #include <string.h>
        static int calls;
        static const char *names[] = { "zero", "one", "two", "three" };
        int step(int x)
        {
            char text[32];
            calls++;
            snprintf(text, sizeof text, "%s", names[x & 3]);
            switch (x) {
            case 1: return 10;
            case 2: return 21 + (int)strlen(text);
            case 3: return 32;
            case 4: return 47;
            case 5: return 58;
            case 6: return 60;
            default: return calls < 0;
            }
        }
        int unused(int x) { return x * 3; }
        """

    private static let diff = """
        --- a/step.c
        +++ b/step.c
        @@ -8,8 +8,8 @@
             calls++;
             snprintf(text, sizeof text, "%s", names[x & 3]);
             switch (x) {
        -    case 1: return 10;
        -    case 2: return 21 + (int)strlen(text);
        +    case 1: return 11 + (int)strlen(text);
        +    case 2: return 22 + (int)strlen(text);
             case 3: return 32;
             case 4: return 47;
             case 5: return 58;

        """

    private static func files(_ makefile: String) -> [String: String] {
        [
            "Makefile": makefile, "step.c": step, "token.c": "const char token[] = \"\(UUID().uuidString)\";",
            "exports.map": "V1 { global: step; local: *; };",
            "main.c": """
            #include <stdio.h>
            #include <unistd.h>
            int step(int);
            int main(int argc, char **argv)
            {
                FILE *out = fopen(argv[1], "w");
                volatile int one = 1;
                for (;;) {
                    fprintf(out, "%d %d\\n", step(one), step(one + 1));
                    fflush(out);
                    usleep(5000);
                }
            }
            """,
        ]
    }

    private func patched(_ files: [String: String], target: String) async throws {
        let shop = try Workshop(files)
        try shop.make()
        let built = try shop.build(Self.diff, target: target)
        try #require(exitCode(built) == 0, "\(built.outputText)\(built.errorText)")
        let pid = try shop.start("program", [shop.path("log")])
        #expect(try await shop.lastLine(of: "log", becomes: "10 24"))
        for _ in 0..<2 {
            let applied = try TsugiteCommand.run(["apply", shop.path("fix.tsp"), "--pid", "\(pid)"])
            #expect(exitCode(applied) == 0, "\(applied.outputText)\(applied.errorText)")
            #expect(try await shop.lastLine(of: "log", becomes: "14 25"))
            let undone = try TsugiteCommand.run(["undo", "fix", "--pid", "\(pid)"])
            #expect(exitCode(undone) == 0, "\(undone.outputText)\(undone.errorText)")
            #expect(try await shop.lastLine(of: "log", becomes: "10 24"))
        }
    }

    static let programs = [
        Way(name: "gcc -O0", compile: "-O0"), Way(name: "gcc -O1", compile: "-O1"),
        Way(name: "gcc -O3", compile: "-O3"), Way(name: "gcc -Os", compile: "-Os"),
        Way(name: "clang", compiler: "clang"), Way(name: "clang -O3", compiler: "clang", compile: "-O3"),
        Way(name: "PIE", compile: "-O2 -fPIE", link: "-pie"),
        Way(name: "no PIE", compile: "-O2 -fno-pie", link: "-no-pie"),
        Way(name: "static", compile: "-O2 -fno-pie", link: "-static"),
        Way(name: "static PIE", compile: "-O2 -fPIE", link: "-static-pie"),
        Way(name: "CET", compile: "-O2 -fcf-protection=full"),
        Way(name: "stack protector", compile: "-O2 -fstack-protector-all"),
        Way(name: "FORTIFY", compile: "-O2 -D_FORTIFY_SOURCE=2"),
        Way(name: "gc-sections", compile: "-O2 -ffunction-sections -fdata-sections", link: "-Wl,--gc-sections"),
        Way(name: "no PLT", compile: "-O2 -fno-plt"), Way(name: "ICF of gold", link: "-fuse-ld=gold -Wl,--icf=all"),
        Way(
            name: "ICF of lld", compiler: "clang", compile: "-O2 -ffunction-sections",
            link: "-fuse-ld=lld -Wl,--icf=all"),
        Way(
            name: "all of Debian's", compile: "-g -O2 -fstack-protector-strong -Wformat -D_FORTIFY_SOURCE=2 -fPIE",
            link: "-pie -Wl,-z,relro -Wl,-z,now"),
    ]

    @Test(arguments: programs) func `a program is patched and unpatched`(_ way: Way) async throws {
        let makefile = """
            program: main.o step.o token.o
            \t\(way.compiler) -o $@ main.o step.o token.o -Wl,--build-id \(way.link)
            %.o: %.c
            \t\(way.compiler) -g \(way.compile) -c -o $@ $<
            """
        try await patched(Self.files(makefile), target: "program")
    }

    static let libraries = [
        Way(name: "plain"), Way(name: "-Bsymbolic", link: "-Wl,-Bsymbolic"),
        Way(name: "version script", link: "-Wl,--version-script=exports.map"),
        Way(name: "no PLT", compile: "-O2 -fno-plt"), Way(name: "clang", compiler: "clang", compile: "-O3"),
        Way(name: "hidden by default", compile: "-O2 -fvisibility=default -fno-semantic-interposition"),
    ]

    @Test(arguments: libraries) func `a library is patched and unpatched`(_ way: Way) async throws {
        let makefile = """
            program: main.o libstep.so
            \t\(way.compiler) -o $@ main.o -L. -lstep -Wl,-rpath,'$$ORIGIN'
            libstep.so: step.o token.o
            \t\(way.compiler) -shared -o $@ step.o token.o -Wl,--build-id \(way.link)
            %.o: %.c
            \t\(way.compiler) -g -fPIC \(way.compile) -c -o $@ $<
            """
        try await patched(Self.files(makefile), target: "libstep.so")
    }

    @Test func `link-time optimisation is refused, with the reason and the way out`() throws {
        let shop = try Workshop(
            Self.files("program: main.c step.c token.c\n\tgcc -O2 -flto -o $@ main.c step.c token.c"))
        try shop.make()
        let built = try shop.build(Self.diff, target: "program")
        let text = built.outputText + built.errorText
        #expect(exitCode(built) == 13, "\(text)")
        #expect(text.contains("BLD-LTO") && text.contains("link-time optimisation") && text.contains("remedy"))
    }
}

/// C++: what a compiler makes of it besides functions.
@Suite(.enabled(if: mayTrace, "attaching to processes needs root")) struct CxxMatrixTests {
    private static let makefile = """
        program: main.o part.o
        \tg++ -o $@ main.o part.o -lpthread
        %.o: %.cpp shape.h
        \tg++ -g -O2 -c -o $@ $<
        """

    private static let header = """
        #include <string>
        struct shape {
            virtual ~shape() {}
            virtual int area() const { return 1; }
        };
        struct square : shape {
            int side;
            square(int s) : side(s) {}
            int area() const override { return side * side; }
        };
        template <typename T> T twice(T x) { static int uses; uses++; return x + x; }
        std::string part(int x);
        """

    private static let main = """
        #include "shape.h"
        #include <cstdio>
        #include <execinfo.h>
        #include <pthread.h>
        #include <unistd.h>
        static void *sleeper(void *) { for (;;) part(-1); return 0; }
        int main(int, char **argv)
        {
            FILE *out = fopen(argv[1], "w");
            for (;;) {
                pthread_t thread;
                void *result = 0;
                pthread_create(&thread, 0, sleeper, 0);
                usleep(2000);
                pthread_cancel(thread);
                pthread_join(thread, &result);
                fprintf(out, "%s %s %d\\n", part(3).c_str(), result == PTHREAD_CANCELED ? "cancelled" : "?", twice(4));
                fflush(out);
                usleep(5000);
            }
        }
        """

    private static let part = """
        #include "shape.h"
        #include <execinfo.h>
        #include <stdexcept>
        #include <unistd.h>
        struct cleaner { ~cleaner() { static int count; count++; } };
        std::string part(int x)
        {
            static std::string word = "old";
            cleaner guard;
            if (x < 0) usleep(100);
            square one(x);
            shape *some = &one;
            return word + std::to_string(some->area() + twice(x));
        }
        """

    private func run(_ new: String, shows line: String, header: String? = nil) async throws {
        let token = "extern const char token[]; const char token[] = \"\(UUID().uuidString)\";"
        let old = Self.part + "\n" + token
        let shop = try Workshop([
            "Makefile": Self.makefile, "shape.h": Self.header, "main.cpp": Self.main, "part.cpp": old,
        ])
        try shop.make()
        try shop.write("b/part.cpp", new + "\n" + token + "\n")
        try shop.write("b/shape.h", (header ?? Self.header) + "\n")
        var diff = ""
        for name in ["part.cpp", "shape.h"] {
            let words = ["-u", "--label", "a/\(name)", "--label", "b/\(name)"]
            diff += try Command("/usr/bin/diff", words + [shop.tree + "/" + name, shop.path("b/\(name)")]).run()
                .outputText
        }
        let built = try shop.build(diff, target: "program")
        try #require(exitCode(built) == 0, "\(built.outputText)\(built.errorText)")
        let pid = try shop.start("program", [shop.path("log")])
        #expect(try await shop.lastLine(of: "log", becomes: "old15 cancelled 8"))
        for _ in 0..<2 {
            let applied = try TsugiteCommand.run(["apply", shop.path("fix.tsp"), "--pid", "\(pid)"])
            #expect(exitCode(applied) == 0, "\(applied.outputText)\(applied.errorText)")
            #expect(try await shop.lastLine(of: "log", becomes: line))
            let undone = try TsugiteCommand.run(["undo", "fix", "--pid", "\(pid)"])
            #expect(exitCode(undone) == 0, "\(undone.outputText)\(undone.errorText)")
            #expect(try await shop.lastLine(of: "log", becomes: "old15 cancelled 8"))
        }
    }

    @Test func `static locals keep their values, and threads are cancelled through new frames`() async throws {
        try await run(
            Self.part.replacing("some->area() + twice(x)", with: "some->area() + twice(x) + 100"),
            shows: "old115 cancelled 8")
    }

    @Test func `a virtual function of a header changes where it is inlined and where its vtable leads`()
        async throws
    {
        // Called through the vtable: the compiler can't see which class it is.
        let new = Self.part.replacing("shape *some = &one;", with: "shape *volatile some = &one;")
        try await run(
            new, shows: "old115 cancelled 8",
            header: Self.header.replacing("return side * side;", with: "return side * side + 100;"))
    }

    @Test func `a new class brings its vtable and type along`() async throws {
        let new = Self.part.replacing(
            "std::string part(int x)\n",
            with:
                "struct cube : square { cube(int s) : square(s) {} int area() const override { return side * side * 6; } };\n"
                + "std::string part(int x)\n"
        ).replacing("square one(x);", with: "cube one(x);")
            .replacing("return word", with: "if (!dynamic_cast<cube *>(some)) return \"?\";\n    return word")
        try await run(new, shows: "old60 cancelled 8")
    }

    @Test func `a new static local is guarded, and made once`() async throws {
        let new = Self.part.replacing(
            "cleaner guard;", with: "static std::string more = word + \"+\";\n    cleaner guard;"
        ).replacing("return word", with: "return more")
        try await run(new, shows: "old+15 cancelled 8")
    }

    @Test func `exceptions are thrown and caught inside new code, types and all`() async throws {
        let new = Self.part.replacing(
            "square one(x);",
            with: """
                struct odd : std::runtime_error { odd() : std::runtime_error("odd") {} };
                    try { if (x == 3) throw odd(); } catch (const std::exception &e) { return std::string(e.what()); }
                    square one(x);
                """)
        try await run(new, shows: "odd cancelled 8")
    }

    @Test func `backtraces go on below new frames`() async throws {
        let new = Self.part.replacing(
            "square one(x);",
            with:
                "void *frames[32]; int depth = backtrace(frames, 32);\n    if (x == 3) return depth > 3 ? \"deep\" : \"shallow\";\n    square one(x);"
        )
        try await run(new, shows: "deep cancelled 8")
    }
}
