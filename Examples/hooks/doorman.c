/* A doorman lets guests in up to a limit. Each line of input is a guest; every third one's friend leaves. */
#include <stdio.h>

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

int main(void)
{
	char line[80];
	int number;

	for (number = 1; fgets(line, sizeof line, stdin); number++) {
		int in = guest(number);

		printf("%d inside of %d%s\n", inside, limit, in ? "" : ", one turned away");
		fflush(stdout);
	}
	return 0;
}
