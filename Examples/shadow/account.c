/* An account pays whoever knows its secret. A wrong number can be tried again and again: nobody counts. */
#include "account.h"

int draw(struct account *account, int secret)
{
	if (account->secret != secret)
		return -1;
	return account->number;
}
