#include "backoff.h"

unsigned int
backoff_next(struct backoff *b, uint32_t random)
{
	if (b->step == 0)
		b->step = BACKOFF_FIRST_MS;
	else
		b->step = b->step > BACKOFF_LAST_MS / 2 ? BACKOFF_LAST_MS : b->step * 2;
	return b->step - random % (b->step / 2 + 1);
}

void
backoff_reset(struct backoff *b)
{
	b->step = 0;
}
