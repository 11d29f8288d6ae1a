/*
 * Questions are pipelined. The answer to UDSD CHANNELS may have more values than the parser takes in one reply, so its
 * elements are read one by one.
 */
#include "fetch.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

#include "answers.h"
#include "client.h"
#include "loop.h"
#include "memory.h"
#include "num.h"
#include "replies.h"
#include "say.h"

#define BULK_MAX ((size_t)1024 * 1024 * 1024)

static const char snapshot_questions[] =
    "*6\r\n$4\r\nINFO\r\n$6\r\nserver\r\n$7\r\nclients\r\n$6\r\nmemory\r\n$5\r\nstats\r\n$3\r\ncpu\r\n"
    "*2\r\n$4\r\nUDSD\r\n$8\r\nCHANNELS\r\n"
    "*2\r\n$6\r\nCLIENT\r\n$4\r\nLIST\r\n";

enum answer { ANSWER_INFO, ANSWER_CHANNELS, ANSWER_CLIENTS, ANSWER_KILLED };

struct fetch {
	struct loop *loop;
	struct client *client;
	const struct fetch_ops *ops;
	void *arg;
	struct buf out; /* what is not written yet */
	struct replies replies;
	uint64_t asked_at; /* loop_now(); 0: no snapshot is asked for */
	struct snapshot snapshot;
};

static void
writable(void *arg)
{
	struct fetch *f = arg;
	struct iovec iov = { f->out.data, f->out.len };

	buf_consume(&f->out, client_writev(f->client, &iov, 1));
}

/* id: of ANSWER_KILLED. */
static void
expect(struct fetch *f, enum answer answer, uint64_t id)
{
	replies_expect(&f->replies, (struct replies_expected){
					.what = answer,
					.id = id,
					.left = 1,
					.by_elements = answer == ANSWER_CHANNELS,
				    });
}

void
fetch_snapshot(struct fetch *f)
{
	if (!client_is_up(f->client) || f->asked_at > 0 || f->replies.n + 3 > REPLIES_EXPECTED_MAX)
		return;
	snapshot_clear(&f->snapshot);
	expect(f, ANSWER_INFO, 0);
	expect(f, ANSWER_CHANNELS, 0);
	expect(f, ANSWER_CLIENTS, 0);
	f->asked_at = loop_now();
	memory_check(buf_append(&f->out, snapshot_questions, sizeof(snapshot_questions) - 1));
	writable(f);
}

bool
fetch_kill(struct fetch *f, uint64_t id)
{
	char text[NUM_DIGITS_MAX];
	size_t len = num_put_u64(text, id);

	if (!client_is_up(f->client) || f->replies.n + 4 > REPLIES_EXPECTED_MAX)
		return false;
	expect(f, ANSWER_KILLED, id);
	memory_check(buf_printf(&f->out, "*4\r\n$6\r\nCLIENT\r\n$4\r\nKILL\r\n$2\r\nID\r\n$%zu\r\n%.*s\r\n", len,
	                        (int)len, text));
	writable(f);
	return true;
}

static void
forget(struct fetch *f)
{
	f->out.len = 0;
	replies_clear(&f->replies);
	f->asked_at = 0;
}

static void
up(void *arg)
{
	struct fetch *f = arg;

	forget(f);
	f->ops->up(f->arg);
}

static void
down(void *arg, uint64_t unread)
{
	struct fetch *f = arg;

	(void)unread;
	forget(f);
	f->ops->down(f->arg);
}

/* A daemon that is full, or out of memory, may have room later. */
static void
refused(struct fetch *f, const struct slice *text)
{
	if (answers_error_is(text, "ERR max number of clients"))
		client_drop(f->client, EUSERS);
	else if (answers_error_is(text, "ERR out of memory"))
		client_drop(f->client, ENOMEM);
	else {
		say("%s: %.*s", client_name(f->client), (int)text->len, (const char *)text->p);
		loop_end(f->loop, answers_error_status(text));
	}
}

/* Returns 0, -ENOMEM or SNAPSHOT_E_FORMAT. */
static int
read_answer(struct fetch *f, const struct resp_reply *reply, const struct replies_expected *expected)
{
	const struct resp_node *node = reply->nodes;
	bool is_error = node->type == RESP_ERROR, is_text = node->type == RESP_BULK || node->type == RESP_VERBATIM;
	int r;

	if (is_error && !(expected && expected->what == ANSWER_KILLED)) {
		refused(f, &node->text);
		return 0;
	}
	if (!expected)
		return SNAPSHOT_E_FORMAT;
	switch ((enum answer)expected->what) {
	case ANSWER_INFO:
		return is_text ? snapshot_read_info(&f->snapshot, &node->text) : SNAPSHOT_E_FORMAT;
	case ANSWER_CHANNELS:
		/* Still so where this is no element but another reply in place of the array. */
		return expected->by_elements ? SNAPSHOT_E_FORMAT
		                             : snapshot_read_channel(&f->snapshot, node, reply->count);
	case ANSWER_CLIENTS:
		r = is_text ? snapshot_read_clients(&f->snapshot, &node->text) : SNAPSHOT_E_FORMAT;
		if (r != 0)
			return r;
		f->asked_at = 0;
		f->ops->taken(f->arg, &f->snapshot);
		return 0;
	case ANSWER_KILLED:
		if (node->type != RESP_INTEGER && !is_error)
			return SNAPSHOT_E_FORMAT;
		f->ops->killed(f->arg, expected->id, node->integer, is_error ? &node->text : NULL);
		return 0;
	}
	return SNAPSHOT_E_FORMAT;
}

static bool
take_reply(void *arg, const struct resp_reply *reply, const uint8_t *p, const struct replies_expected *expected)
{
	int r = read_answer(arg, reply, expected);

	(void)p;
	memory_check(r);
	return r == 0;
}

static size_t
input(void *arg, const uint8_t *bytes, size_t len, size_t *ret_need)
{
	struct fetch *f = arg;
	ssize_t used = replies_read(&f->replies, bytes, len, ret_need);

	if (used < 0)
		client_end_foreign(f->client);
	return loop_is_ending(f->loop) ? len : (size_t)used;
}

static const struct client_ops client_ops = {
	.up = up,
	.input = input,
	.writable = writable,
	.down = down,
};

struct fetch *
fetch_new(struct loop *loop, const struct addr *addr, const struct fetch_ops *ops, void *arg)
{
	struct client_options options = { .addr = *addr, .once_at_first = true };
	struct fetch *f = memory_alloc(sizeof(*f));

	f->loop = loop;
	f->ops = ops;
	f->arg = arg;
	f->client = client_new(loop, &options, &client_ops, f);
	replies_init(&f->replies, loop, BULK_MAX, take_reply, f);
	return f;
}

void
fetch_free(struct fetch *f)
{
	if (!f)
		return;
	client_free(f->client);
	replies_deinit(&f->replies);
	buf_deinit(&f->out);
	snapshot_deinit(&f->snapshot);
	free(f);
}

void
fetch_start(struct fetch *f)
{
	client_start(f->client);
}

uint64_t
fetch_waits_since(const struct fetch *f)
{
	return f->asked_at;
}

bool
fetch_is_up(const struct fetch *f)
{
	return client_is_up(f->client);
}

const char *
fetch_name(const struct fetch *f)
{
	return client_name(f->client);
}

void
fetch_explain(const struct fetch *f, char *text, size_t size)
{
	client_explain(f->client, text, size);
}
