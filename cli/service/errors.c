#include "errors.h"

void
errors_init(struct errors *e, struct loop *loop)
{
	last_words_init(&e->list, loop);
}

void
errors_deinit(struct errors *e)
{
	last_words_deinit(&e->list);
}

int
errors_open(struct errors *e, int *ret_fd)
{
	errors_forget(e);
	return last_words_open(&e->list, &e->words, ret_fd);
}

void
errors_close(struct errors *e)
{
	if (e->words)
		last_words_close(&e->list, e->words);
	e->words = NULL;
}

void
errors_finish(struct errors *e)
{
	if (e->words)
		last_words_end(&e->list, e->words, e->last, sizeof(e->last));
	e->words = NULL;
}

void
errors_forget(struct errors *e)
{
	e->last[0] = '\0';
	if (e->words)
		last_words_forget(e->words);
}
