import Foundation
import Linux
import TestSupport
import Testing

/// Building where root isn't the top of all file systems, as in throw-away roots.
@Suite(.enabled(if: mayTrace, "chroot(2) needs root")) struct ChrootTests {
    @Test func `below chroot the same bytes are made`() throws {
        let files = [
            "Makefile": "CFLAGS = -O2 -g\nteller: main.o\n\t$(CC) -o $@ main.o",
            "main.c": "#include <stdio.h>\nint main(void) { printf(\"%d\\n\", 1); return 0; }",
        ]
        let shop = try Workshop(files)
        try shop.make()
        let diff = """
            --- a/main.c
            +++ b/main.c
            @@ -1,2 +1,2 @@
             #include <stdio.h>
            -int main(void) { printf("%d\\n", 1); return 0; }
            +int main(void) { printf("%d\\n", 2); return 0; }

            """
        let here = try shop.build(diff, target: "teller", output: "here.tsp")
        try #require(exitCode(here) == 0, "\(here.outputText)\(here.errorText)")
        let root = shop.path("root")
        try FileSystem.makeDirectory(root)
        let below = try Command(
            "/usr/bin/unshare",
            [
                "--mount", "--propagation", "private", "sh", "-c",
                "mount --rbind / \"$1\" && exec chroot \"$1\" \"$2\" build --source \"$3\" --patch \"$4\" "
                    + "--target \"$3/teller\" --build-command 'make -B' --work \"$5\" -o \"$6\" --quiet --name here",
                "sh", root, TsugiteCommand.path, shop.tree, shop.path("fix.diff"), shop.path("work-below"),
                shop.path("below.tsp"),
            ], timeout: .seconds(300)
        ).run()
        try #require(exitCode(below) == 0, "\(below.outputText)\(below.errorText)")
        #expect(try FileSystem.read(shop.path("below.tsp")) == FileSystem.read(shop.path("here.tsp")))
    }
}
