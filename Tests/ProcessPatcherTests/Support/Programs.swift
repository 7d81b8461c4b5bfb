import Foundation
import Glibc
import TestSupport

/// Whether this user may trace processes, and asked for the laboratory: most tests here need both.
///
/// Some of them still fail now and then, so they run on request (`TSUGITE_LAB=1 swift test`) until each holds
/// every time; the whole-system tests in Tests/EndToEnd show the main job meanwhile.
let canTrace = geteuid() == 0 && ProcessInfo.processInfo.environment["TSUGITE_LAB"] != nil

/// A program in two versions: each prints `answer()` for every line that it reads.
enum Programs {
    /// Sources of a program whose `answer()` returns the version.
    static func asking(_ version: Int) -> String {
        """
        #include <stdio.h>
        #include <string.h>
        int counter;
        __attribute__((noinline)) int scale(int x) { counter++; return x * 10 + counter * 0; }
        __attribute__((noinline)) int answer(int x) {
            static const char text[] = "version \(version)";
            return scale(x) + (int)strlen(text) * 0 + \(version);
        }
        int main(void) {
            char line[100];
            setvbuf(stdout, 0, _IOLBF, 0);
            puts("ready");
            while (fgets(line, sizeof line, stdin)) printf("%d\\n", answer(4));
            return 0;
        }
        """
    }
}
