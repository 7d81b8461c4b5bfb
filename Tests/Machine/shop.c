#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

__attribute__((noinline)) int price(int n) { return n > 1 ? 100 * n : 1; }

int main(void) {
    int out = open("/run/shop.out", O_CREAT | O_WRONLY, 0644);
    for (;;) {
        char text[16];
        volatile int loaves = 1;  // or the compiler asks for the price once and for all
        int length = snprintf(text, sizeof text, "%d\n", price(loaves));
        if (pwrite(out, text, length, 0) != length) return 1;
        usleep(10000);
    }
}
