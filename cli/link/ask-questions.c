/* The questions: what is sent, and what becomes of the reply. */
#include "ask.h"

#include <assert.h>

#include "ask-data.h"
#include "memory.h"
#include "resp-encode.h"

static void
ask_put_words(struct ask *a, const struct slice *words, size_t n)
{
	a->out.len = 0;
	memory_check(buf_reserve(&a->out, resp_command_size(words, n)));
	a->out.len = resp_put_command((char *)a->out.data, words, n);
}

size_t
ask_collect(struct slice words[ASK_WORDS_MAX], va_list ap)
{
	const char *word;
	size_t n = 0;

	while ((word = va_arg(ap, const char *))) {
		assert(n < ASK_WORDS_MAX);
		words[n++] = slice_of(word);
	}
	return n;
}

static void
ask_put_command(struct ask *a, va_list ap)
{
	struct slice words[ASK_WORDS_MAX];

	ask_put_words(a, words, ask_collect(words, ap));
}

/* Sends what is in out, and waits for its reply, which is copied. */
static int
ask_one(struct ask *a, const struct resp_node **ret_reply)
{
	int status = ask_converse(a, (struct replies_expected){ .what = ASK_USE_COPY, .left = 1 }, NULL, NULL);

	if (status == 0 && ret_reply)
		*ret_reply = a->reply.nodes;
	return status;
}

int
ask(struct ask *a, const struct resp_node **ret_reply, ...)
{
	va_list ap;

	va_start(ap, ret_reply);
	ask_put_command(a, ap);
	va_end(ap);
	return ask_one(a, ret_reply);
}

int
ask_words(struct ask *a, const struct resp_node **ret_reply, const struct slice *words, size_t n)
{
	ask_put_words(a, words, n);
	return ask_one(a, ret_reply);
}

int
ask_try(struct ask *a, const struct resp_node **ret_reply, const struct slice *words, size_t n)
{
	int status;

	ask_put_words(a, words, n);
	a->takes_errors = true;
	status = ask_one(a, ret_reply);
	a->takes_errors = false;
	return status;
}

int
ask_each(struct ask *a, ask_cb *cb, void *arg, ...)
{
	va_list ap;

	va_start(ap, arg);
	ask_put_command(a, ap);
	va_end(ap);
	return ask_converse(a, (struct replies_expected){ .what = ASK_USE_CALL, .left = 1, .by_elements = true }, cb,
	                    arg);
}

int
ask_all(struct ask *a, struct slice commands, size_t n, bool takes_errors, ask_cb *cb, void *arg)
{
	int status;

	a->out.len = 0;
	memory_check(buf_append(&a->out, commands.p, commands.len));
	a->takes_errors = takes_errors;
	status = n == 0 ? 0 : ask_converse(a, (struct replies_expected){ .what = ASK_USE_CALL, .left = n }, cb, arg);
	a->takes_errors = false;
	return status;
}

int
ask_many(struct ask *a, struct slice commands, size_t replies)
{
	a->out.len = 0;
	memory_check(buf_append(&a->out, commands.p, commands.len));
	return ask_converse(a, (struct replies_expected){ .what = ASK_USE_COUNT, .left = replies }, NULL, NULL);
}

int
ask_listen(struct ask *a, ask_cb *cb, void *arg, ...)
{
	va_list ap;
	int status;

	va_start(ap, arg);
	ask_put_command(a, ap);
	va_end(ap);
	status = ask_converse(a, (struct replies_expected){ .what = ASK_USE_COUNT, .left = 1 }, cb, arg);
	return status ?: ask_listen_on(a);
}
