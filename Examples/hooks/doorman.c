/* A doorman lets guests in up to a limit. Every tenth of a second one comes; every third leaves again. */
#include <stdio.h>
#include <unistd.h>

int limit = 90;
int inside;

static int admit(void)
{
	if (inside >= limit)
		return 0;
	inside++;
	return 1;
}

int guest(int number)
{
	int in = admit();

	if (number % 3 == 0 && inside > 0)
		inside--;
	return in;
}

int main(int argc, char **argv)
{
	int number;

	for (number = 1;; number++) {
		int in = guest(number);

		printf("%d inside of %d%s\n", inside, limit, in ? "" : ", one turned away");
		fflush(stdout);
		usleep(100000);
	}
	return argc > 1 && argv[1][0];
}
