/* A baker's till. It never stops; every line is one sale. */
#include <stdio.h>
#include <unistd.h>

int price(int loaves, int cents);

int main(void)
{
    for (int sale = 1;; sale++) {
        printf("sale %d: 3 loaves at 250 cents make %d\n", sale, price(3, 250));
        fflush(stdout);
        usleep(100000);
    }
}
