import ELF

/// ELF files of each kind that Tsugite meets, compiled when the tests run.
public enum ELFFixture: String, Sendable, CaseIterable {
    case writtenObject = "an object made by the writer"
    case writtenGroups = "an object with groups and many kinds of symbols, made by the writer"
    case tinyShared = "a shared object without page alignment"
    case tinyStripped = "a shared object without section table"
    case executable = "an executable at a fixed address"
    case pie = "a position-independent executable"
    case shared = "a shared object with versions"
    case object = "an object with debugging information and function sections"
    case clangObject = "an object by clang"
    case comdat = "a C++ object with groups"
    case compressed = "an object with compressed debugging information"
    case stripped = "a stripped executable"
    case staticProgram = "a static executable"

    /// The file's bytes.
    public func make() throws -> [UInt8] {
        switch self {
        case .writtenObject: Self.written(groups: false)
        case .writtenGroups: Self.written(groups: true)
        case .tinyShared: try Self.tiny()
        case .tinyStripped: try Self.withoutSections(Self.tiny())
        case .executable: try Self.compiled(["-O2", "-no-pie", "-fcf-protection=full"])
        case .pie: try Self.compiled(["-O2", "-pie", "-fPIE", "-g", "-Wl,-z,lazy"])
        case .shared: try Self.versioned([])
        case .object: try Self.compiled(["-c", "-g", "-O2", "-ffunction-sections", "-fdata-sections"])
        case .clangObject: try Self.compiled(["-c", "-g", "-O2", "-ffunction-sections"], .clang)
        case .comdat: try Self.compiled(["-c", "-O0"], .gxx, Self.templates)
        case .compressed: try Self.compiled(["-c", "-g", "-gz=zlib"])
        case .stripped: try Self.compiled(["-O2", "-s", "-Wl,-z,now"])
        case .staticProgram: try Self.compiled(["-O2", "-static"])
        }
    }

    /// A program that uses most kinds of symbol.
    public static let program = """
        #include <stdio.h>
        #include <stdlib.h>
        #include <string.h>
        static int counter;
        int common_value, initialised = 7;
        __thread int per_thread = 3;
        extern char **environ;
        extern void absent(void) __attribute__((weak));
        __attribute__((noinline)) static int inner(int x) { static int calls; return x + ++calls + counter; }
        __attribute__((visibility("hidden"))) int hidden_one(int x) { return inner(x) * initialised; }
        int outer(int x) { counter += x; if (absent) absent(); return hidden_one(x) + per_thread + common_value; }
        int main(int argc, char **argv) {
            char *copy = strdup(argv[0]);
            printf("%d %s %s\\n", outer(argc), copy, environ[0] ? "e" : "");
            free(copy);
            return 0;
        }
        """

    /// A shared object with two versions of one symbol.
    public static let versions = """
        #include <stdio.h>
        __asm__(".symver old_answer, answer@V1");
        __asm__(".symver new_answer, answer@@V2");
        int old_answer(void) { return 41; }
        int new_answer(void) { puts("asked"); return 42; }
        int plain(void) { return 1; }
        static int fast(void) { return 2; }
        static int (*pick(void))(void) { return fast; }
        int chosen(void) __attribute__((ifunc("pick")));
        int uses(void) { return chosen() + plain(); }
        """

    private static let versionScript =
        "V1 { global: answer; plain; chosen; uses; local: *; }; V2 { global: answer; } V1;"

    private static let templates = """
        template<class T> inline T twice(T x) { static T last; last = x; return x + x; }
        struct Base { virtual ~Base() {} virtual int f() { return 1; } };
        int use(Base &b) { return twice(2) + (int)twice(2.0) + b.f(); }
        Base base;
        """

    /// The bytes of the output of one compile.
    public static func compiled(_ flags: [String], _ driver: Compiler.Driver = .gcc, _ source: String = program)
        throws -> [UInt8]
    {
        ByteView(try Compiler(driver).bytes(source, flags)).bytes
    }

    /// The shared object with versions, linked with more flags.
    public static func versioned(_ flags: [String]) throws -> [UInt8] {
        let gcc = try Compiler(.gcc)
        let script = try gcc.write(Array(versionScript.utf8), name: "script")
        let base = ["-shared", "-fPIC", "-O1", "-Wl,--version-script=" + script, "-Wl,-soname,libanswer.so.2"]
        return ByteView(try gcc.bytes(versions, base + flags)).bytes
    }

    private static func tiny() throws -> [UInt8] {
        try versioned([
            "-nostdlib", "-Wl,-z,max-page-size=16", "-Wl,-z,noseparate-code", "-Wl,--hash-style=both", "-s",
        ])
    }

    /// The same file with the fields of the file header that lead to the section table set to 0.
    public static func withoutSections(_ bytes: [UInt8]) -> [UInt8] {
        var bytes = bytes
        for field in [40..<48, 58..<64] where bytes.count >= 64 {
            for place in field { bytes[place] = 0 }
        }
        return bytes
    }

    private static func written(groups: Bool) -> [UInt8] {
        var object = ObjectWriter(machine: .x86_64)
        let text = object.addSection(
            ".text.f", type: .progbits, flags: [.alloc, .execinstr], alignment: 16,
            contents: [0xe8, 0, 0, 0, 0, 0xc3])
        let data = object.addSection(
            ".data.rel", type: .progbits, flags: [.alloc, .write], alignment: 8,
            contents: [UInt8](repeating: 0, count: 8))
        let bss = object.addSpace(".bss", flags: [.alloc, .write], alignment: 64, size: 1 << 20)
        let note = object.addSection(
            ".note.gnu.build-id", type: .note, flags: .alloc, alignment: 4,
            contents: [4, 0, 0, 0, 4, 0, 0, 0, 3, 0, 0, 0, 0x47, 0x4e, 0x55, 0, 1, 2, 3, 4])
        let function = object.addSymbol("f", size: 6, type: .function, place: .section(text))
        let puts = object.addSymbol("puts", place: .undefined)
        _ = object.addSymbol("place", value: 8, size: 8, type: .object, binding: .local, place: .section(bss))
        object.addRelocation(in: text, offset: 1, type: X86_64Relocation.plt32.rawValue, symbol: puts, addend: -4)
        object.addRelocation(
            in: data, offset: 0, type: X86_64Relocation.abs64.rawValue, symbol: function, addend: 0)
        guard groups else { return object.encode().bytes }
        _ = object.addSymbol("common", value: 16, size: 4, type: .object, place: .common)
        _ = object.addSymbol("absolute", value: 0x1234, place: .absolute)
        _ = object.addSymbol("unique", type: .object, binding: .gnuUnique, place: .section(data))
        _ = object.addSymbol("chosen", type: .gnuIFunc, visibility: .protected, place: .section(text))
        object.addGroup(signature: function, members: [text, data])
        object.addGroup(signature: object.addSectionSymbol(note), members: [note], isComdat: false)
        return object.encode().bytes
    }
}
