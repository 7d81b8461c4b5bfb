import ELF
import Linux
import TestSupport
import Testing

@testable import PatchBuilder

/// Real objects, compared.
@Suite struct CompareTests {
    static let drivers = Compiler.Driver.allCases.filter { $0 != .gxx && $0.isInstalled }
    static let levels = ["-O0", "-O2"]

    static func compare(
        _ pre: String, _ post: String, _ flags: [String], _ driver: Compiler.Driver = .gcc
    ) throws -> ObjectComparison {
        try withExtendedLifetime(Compiler(driver)) { compiler in
            func model(_ text: String, _ name: String) throws -> ObjectModel {
                _ = try compiler.run("/bin/mkdir", ["-p", compiler.path(name)])
                let split = ["-c", "-ffunction-sections", "-fdata-sections"]
                let path = try compiler.compile(text, flags + split, name: name + "/unit")
                return try ObjectModel(ELFFile(ByteStorage(reading: path)), name: name)
            }
            return ObjectComparison(pre: try model(pre, "pre"), post: try model(post, "post"))
        }
    }

    @Test(arguments: drivers, levels)
    func `finds nothing in two equal compiles`(driver: Compiler.Driver, level: String) throws {
        let text = """
            #include <stdio.h>
            static int table[] = {1, 2, 3};
            int pick(int x) { switch (x) { case 1: return 5; case 2: return 9; case 3: return 77; case 4: return 13;
                case 5: puts("five"); return 3; case 6: return table[x & 1]; } return 0; }
            double scale(double x) { return x * 2.5 + 1.25; }
            """
        let result = try Self.compare(text, text, [level, "-fPIC"], driver)
        #expect(result.isSame && result.sameFunctions == 2)
    }

    @Test(arguments: drivers)
    func `follows an inlined change into all callers`(driver: Compiler.Driver) throws {
        func text(_ limit: Int) -> String {
            """
            static int check(int x) { return x < \(limit); }
            int first(int x) { return check(x) ? x * 3 : -1; }
            int second(int *p) { return check(*p) ? p[1] : p[2]; }
            int third(int x) { return x + 1; }
            """
        }
        let result = try Self.compare(text(10), text(20), ["-O2"], driver)
        #expect(result.functions.map(\.name).sorted() == ["first", "second"])
    }

    @Test(arguments: levels)
    func `keeps static variables of functions apart when their numbers shift`(level: String) throws {
        func text(_ more: String) -> String {
            """
            int other(void);
            int early(int x) { \(more) return x; }
            int first(void) { static int count; return ++count; }
            int second(void) { static int count = 7; other(); return count--; }
            """
        }
        let result = try Self.compare(
            text(""), text("static int count; count += x; if (count > 9) return count;"), [level])
        #expect(result.functions.map(\.name) == ["early"])
        #expect(result.data.map(\.kind) == [.newWritable])
        // The old variables are themselves, whatever they are called now.
        let paired = result.post.entities.filter { $0.name.hasPrefix("count.") }.compactMap { entity in
            result.correlation.preOf[entity.index].map { (result.pre.entities[$0], entity) }
        }
        #expect(paired.count == 2)
        for (old, new) in paired {
            #expect(
                result.pre.sections[old.section].name.hasPrefix(".data")
                    == result.post.sections[new.section].name.hasPrefix(".data"))
        }
    }

    @Test func `doesn't give one function's static variable to another`() throws {
        let pre = """
            int first(void) { static int count; return ++count; }
            int second(int x) { return x; }
            """
        let post = """
            int first(void) { return 1; }
            int second(int x) { static int count; count += x; return count; }
            """
        let result = try Self.compare(pre, post, ["-O2"])
        #expect(result.functions.map(\.name).sorted() == ["first", "second"])
        #expect(result.data.contains { $0.kind == .ambiguous && $0.name.hasPrefix("count") })
    }

    @Test(arguments: drivers, levels)
    func `tells a changed string from a new one and from one that moved`(driver: Compiler.Driver, level: String)
        throws
    {
        func text(_ first: String, _ more: String) -> String {
            """
            #include <stdio.h>
            void greet(void) { puts("\(first)"); }
            void part(void) { puts("goodbye"); }
            void more(int x) { \(more) }
            """
        }
        let changed = try Self.compare(text("hello", ""), text("howdy", ""), [level], driver)
        #expect(changed.functions.map(\.name) == ["greet"])
        let added = try Self.compare(
            text("hello", ""), text("hello", "puts(\"a new and rather long line\");"), [level], driver)
        #expect(added.functions.map(\.name) == ["more"])
    }

    @Test(arguments: drivers, levels)
    func `takes a jump table with its function`(driver: Compiler.Driver, level: String) throws {
        func text(_ value: Int) -> String {
            """
            int use(int);
            int pick(int x) { switch (x) { case 0: return use(1); case 1: return use(x) + \(value); case 2: return use(7) * 3;
              case 3: use(3); return use(9); case 4: return 44; case 5: use(8); use(9); return 1; case 6: return use(2) - 4; }
              return 0; }
            int same(int x) { switch (x) { case 0: return use(1); case 1: return use(x) + 3; case 2: return use(7) * 3;
              case 3: use(3); return use(9); case 4: return 44; case 5: use(8); use(9); return 1; case 6: return use(2) - 4; }
              return 0; }
            """
        }
        let result = try Self.compare(text(1), text(1000), [level, "-fPIC"], driver)
        #expect(Set(result.functions.map(\.name)).subtracting(["pick.cold"]) == ["pick"])
        #expect(result.data.isEmpty)
    }

    @Test func `keeps the cold part with its parent`() throws {
        func text(_ code: Int) -> String {
            """
            #include <stdlib.h>
            __attribute__((cold, noinline)) static void fail(int x) { exit(x); }
            int work(int *p, int n) { int s = 0; for (int i = 0; i < n; i++) { if (__builtin_expect(p[i] < 0, 0)) { fail(p[i] + \(code)); abort(); }
              s += p[i]; } return s; }
            """
        }
        let result = try Self.compare(text(3), text(4), ["-O2"])
        let names = result.functions.map(\.name)
        #expect(names.contains("work") && names.contains("work.cold"))
        #expect(!names.contains("fail"))
    }

    @Test func `pairs parts and copies whatever their numbers are`() throws {
        func text(_ first: String) -> String {
            """
            int sink(int, int);
            \(first)
            __attribute__((noinline)) static int scaled(int x, int by) { int s = 0; for (int i = 0; i < x; i++) s += sink(i, by); return s; }
            int low(int x) { return scaled(x, 3) + 1; }
            int high(int x) { return scaled(x + 5, 3) + 2; }
            """
        }
        let extra = """
            __attribute__((noinline)) static int other(int x, int by) { int s = 9; for (int i = 0; i < x; i++) s -= sink(by, i); return s; }
            int more(int x) { return other(x, 5); }
            """
        let result = try Self.compare(text(""), text(extra), ["-O3"])
        #expect(result.pre.entities.contains { $0.parsedName.marks == [.constprop] })
        #expect(result.functions.allSatisfy { $0.status == .new })
        #expect(!result.functions.contains { $0.name.hasPrefix("scaled") || $0.name == "low" })
    }

    @Test(arguments: levels)
    func `sees new and removed functions and data`(level: String) throws {
        let pre = """
            int old_value = 4;
            int gone(int x) { return x * old_value; }
            int stays(int x) { return x; }
            """
        let post = """
            int new_value = 4; const int limit = 9;
            int added(int x) { return x * new_value + limit; }
            int stays(int x) { return x; }
            """
        let result = try Self.compare(pre, post, [level])
        #expect(result.functions.map(\.status) == [.new, .removed])
        #expect(Set(result.data.map(\.reportName)) == ["new-writable", "new-read-only", "removed"])
    }

    @Test func `says what a change of data means`() throws {
        func text(_ start: Int, _ table: String, _ size: Int) -> String {
            """
            int level = \(start);
            static const int table[] = {\(table)};
            int shared[\(size)];
            int pick(int x) { return table[x] + level + shared[0]; }
            int other(int x) { return table[x + 1]; }
            int none(void) { return level; }
            """
        }
        let result = try Self.compare(text(1, "1, 2, 3, 4", 4), text(2, "1, 9, 3, 4", 8), ["-O0"])
        let kinds = Dictionary(uniqueKeysWithValues: result.data.map { ($0.name, $0) })
        #expect(kinds["level"]?.kind == .changedInitialValue)
        #expect(kinds["shared"]?.kind == .resized(from: 16, to: 32))
        #expect(kinds["table"]?.kind == .changedReadOnly && kinds["table"]?.isTakenAlong == true)
        // All users of the constant use the new copy; none of them was edited.
        #expect(result.functions.map(\.status) == [.usesData(["table"]), .usesData(["table"])])
    }

    @Test func `refuses nothing but names what starts a program`() throws {
        let pre = "int x; int f(void) { return x; }"
        let post =
            "int x; __attribute__((constructor)) static void begin(void) { x = 3; } int f(void) { return x; }"
        let result = try Self.compare(pre, post, ["-O2"])
        #expect(result.data.contains { $0.kind == .constructors && $0.name == "begin" })
    }

    @Test func `takes names apart`() {
        #expect(EntityName("parse.part.0.cold").key == "parse.part.cold")
        #expect(EntityName("counter.12").key == "counter.#")
        #expect(EntityName("main.counter").key == "main.counter")
        #expect(EntityName("main.counter.3").key == "main.counter.#")
        #expect(EntityName("f.constprop.0.isra.4").marks == [.constprop, .isra])
        #expect(EntityName(".hidden").key == ".hidden")
        #expect(EntityName("f.cold.17").isCold)
        #expect(!EntityName("plain").isDerived)
    }
}
