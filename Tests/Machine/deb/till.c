#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

int price(int n);

int main(void) {
    int out = open("/run/till.out", O_CREAT | O_WRONLY, 0644);
    for (;;) {
        char text[16];
        int length = snprintf(text, sizeof text, "%d\n", price(1));
        if (pwrite(out, text, length, 0) != length) return 1;
        usleep(10000);
    }
}
