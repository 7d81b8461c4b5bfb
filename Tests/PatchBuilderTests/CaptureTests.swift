import Findings
import Linux
import Testing

@testable import PatchBuilder

private let mainText = "int f(int); int main(void) { return f(1); }\n"
private let libText = "int f(int x) { return x + 1; }\n"

@Suite(.serialized) struct CaptureTests {
    @Test func `captures plain make with gcc and leaves the tree as it was`() throws {
        let project = try Project([
            "main.c": mainText, "lib/f.c": libText,
            "Makefile": "CC = gcc\nprog: main.o lib/f.o\n\t$(CC) -o $@ $^\n%.o: %.c\n\t$(CC) -O2 -c -o $@ $<\n",
        ])
        let before = try project.digest()
        let build = try project.reproduce("make")
        #expect(build.summary == ["prog: main.c lib/f.c"])
        #expect(build.compiles.map(\.family) == [.gcc, .gcc])
        #expect(build.compiles.map(\.language) == [.c, .c])
        #expect(build.tree.seen == project.source)
        #expect(build.outputs.first?.kind == .executable)
        #expect(try project.digest() == before)
        #expect(FileFacts.exists(build.outputs.first?.file ?? ""))
    }
}
