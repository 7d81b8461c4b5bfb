/* Ten accounts, made at the start, take orders. */
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "account.h"

static struct account *accounts[10];

int main(int argc, char **argv)
{
	int i, turn;

	for (i = 0; i < 10; i++) {
		accounts[i] = malloc(sizeof *accounts[i]);
		accounts[i]->number = i;
		accounts[i]->secret = 1000 + i;
	}
	for (turn = 0;; turn++) {
		/* A thief at account 3; its owner comes every tenth time. */
		int answer = draw(accounts[3], turn % 10 == 9 ? 1003 : turn % 1000);

		printf("%s\n", answer == 3 ? "paid" : answer == -2 ? "locked" : "refused");
		fflush(stdout);
		usleep(10000);
	}
	return argc > 1 && argv[1][0];
}
