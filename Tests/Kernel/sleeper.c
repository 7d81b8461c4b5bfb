/* Sleeps in a system call until a signal ends it, to hold a transition up. */
#include <unistd.h>

int main(void)
{
	pause();
	return 0;
}
