/*
 * A snapshot is three commands, sent together; a short queue says which answers are to come, since a kill may stand
 * between them. The answer to UDSD CHANNELS may have more values than the parser takes in one reply: its header is
 * read by hand, and each of its elements is parsed as a reply of its own.
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
#include "say.h"

#define BULK_MAX ((size_t)1024 * 1024 * 1024)
/* The header of an array: "*", a number, CR LF. */
#define HEADER_MAX 24

static const char fetch_questions[] =
    "*6\r\n$4\r\nINFO\r\n$6\r\nserver\r\n$7\r\nclients\r\n$6\r\nmemory\r\n$5\r\nstats\r\n$3\r\ncpu\r\n"
    "*2\r\n$4\r\nUDSD\r\n$8\r\nCHANNELS\r\n"
    "*2\r\n$6\r\nCLIENT\r\n$4\r\nLIST\r\n";

static void
fetch_writable_cb(void *arg)
{
	struct fetch *f = arg;
	struct iovec iov = { f->out.data, f->out.len };

	buf_consume(&f->out, client_writev(f->client, &iov, 1));
}

static void
fetch_expected_came(struct fetch *f)
{
	memmove(f->expected, f->expected + 1, --f->n_expected * sizeof(f->expected[0]));
}

void
fetch_snapshot(struct fetch *f)
{
	if (!client_is_up(f->client) || f->asked_at > 0 || f->n_expected + 3 > FETCH_EXPECTED_MAX)
		return;
	snapshot_clear(&f->snapshot);
	f->expected[f->n_expected++] = (struct fetch_expected){ FETCH_INFO };
	f->expected[f->n_expected++] = (struct fetch_expected){ FETCH_CHANNELS };
	f->expected[f->n_expected++] = (struct fetch_expected){ FETCH_CLIENTS };
	f->asked_at = loop_now();
	memory_check(buf_append(&f->out, fetch_questions, sizeof(fetch_questions) - 1));
	fetch_writable_cb(f);
}

static void
fetch_up_cb(void *arg)
{
	fetch_snapshot(arg);
}

bool
fetch_kill(struct fetch *f, uint64_t id)
{
	char text[NUM_DIGITS_MAX];
	size_t len = num_put_u64(text, id);

	if (!client_is_up(f->client) || f->n_expected + 4 > FETCH_EXPECTED_MAX) /* a snapshot always has room */
		return false;
	f->expected[f->n_expected++] = (struct fetch_expected){ FETCH_KILLED, id };
	memory_check(buf_printf(&f->out, "*4\r\n$6\r\nCLIENT\r\n$4\r\nKILL\r\n$2\r\nID\r\n$%zu\r\n%.*s\r\n", len,
	                        (int)len, text));
	fetch_writable_cb(f);
	return true;
}

static void
fetch_down_cb(void *arg, uint64_t unread)
{
	struct fetch *f = arg;

	(void)unread;
	f->out.len = 0;
	f->n_expected = 0;
	f->in_channels = false;
	f->asked_at = 0;
	f->ops->down(f->arg);
}

/* A daemon that is full, or out of memory, may have room later. */
static void
fetch_refused(struct fetch *f, const struct slice *text)
{
	if (answers_error_is(text, "ERR max number of clients")) {
		client_drop(f->client, EUSERS);
	} else if (answers_error_is(text, "ERR out of memory")) {
		client_drop(f->client, ENOMEM);
	} else {
		say("%s: %.*s", client_name(f->client), (int)text->len, (const char *)text->p);
		loop_end(f->loop, answers_error_is(text, "NOPERM") ? EX_NOPERM : EX_PROTOCOL);
	}
}

/* Uses the reply that was parsed. Returns false where no udsd answers so. */
static bool
fetch_use_reply(struct fetch *f)
{
	const struct resp_node *node = f->reply.nodes;
	bool is_error = node->type == RESP_ERROR, is_text = node->type == RESP_BULK || node->type == RESP_VERBATIM;
	struct fetch_expected expected = f->expected[0]; /* if there is one */
	bool is_kill = f->n_expected > 0 && expected.answer == FETCH_KILLED;

	if (f->in_channels) {
		f->channels_left--;
		return snapshot_read_channel(&f->snapshot, node, f->reply.count);
	}
	if (is_error && !is_kill) {
		fetch_refused(f, &node->text);
		return true;
	}
	if (f->n_expected == 0)
		return false;
	fetch_expected_came(f);
	switch (expected.answer) {
	case FETCH_INFO:
		return is_text && snapshot_read_info(&f->snapshot, node->text);
	case FETCH_CHANNELS:
		return false;
	case FETCH_CLIENTS:
		if (!is_text || !snapshot_read_clients(&f->snapshot, node->text))
			return false;
		f->asked_at = 0;
		f->ops->taken(f->arg, &f->snapshot);
		return true;
	case FETCH_KILLED:
		if (node->type != RESP_INTEGER && !is_error)
			return false;
		f->ops->killed(f->arg, expected.id, node->integer, is_error ? &node->text : NULL);
		return true;
	}
	return false;
}

/* Reads "*N\r\n". Returns the bytes it took, 0 where it is not complete, -1 where it is none. */
static ssize_t
read_header(struct fetch *f, const uint8_t *p, size_t len)
{
	const uint8_t *end = memchr(p, '\r', len < HEADER_MAX ? len : HEADER_MAX);
	int64_t n;

	if (!end || (size_t)(end - p) + 2 > len)
		return end || len < HEADER_MAX ? 0 : -1;
	if (end[1] != '\n' || num_parse_resp(p + 1, (size_t)(end - p) - 1, &n) != 0 || n < 0)
		return -1;
	f->in_channels = true;
	f->channels_left = (uint64_t)n;
	return end + 2 - p;
}

/* Reads one answer or element. Returns as read_header() does. */
static ssize_t
fetch_read_answer(struct fetch *f, const uint8_t *p, size_t len, size_t *ret_need)
{
	if (!f->in_channels && f->n_expected > 0 && f->expected[0].answer == FETCH_CHANNELS && *p == '*')
		return read_header(f, p, len);
	switch (resp_reply_parse(&f->reply, p, len, BULK_MAX)) {
	case RESP_REPLY_OK:
		return fetch_use_reply(f) ? (ssize_t)f->reply.used : -1;
	case RESP_REPLY_MORE:
		*ret_need = f->reply.need;
		return 0;
	case RESP_REPLY_ERROR:
		break;
	case RESP_REPLY_NOMEM:
		memory_check(-1);
	}
	return -1;
}

static size_t
fetch_input_cb(void *arg, const uint8_t *bytes, size_t len, size_t *ret_need)
{
	struct fetch *f = arg;
	size_t used = 0;
	ssize_t n = 1;

	while (n > 0 && used < len && !loop_is_ending(f->loop)) {
		n = fetch_read_answer(f, bytes + used, len - used, ret_need);
		if (n > 0)
			used += (size_t)n;
		if (f->in_channels && f->channels_left == 0) {
			f->in_channels = false;
			fetch_expected_came(f);
		}
	}
	if (n < 0) {
		say("%s: this is not a udsd bus", client_name(f->client));
		loop_end(f->loop, EX_PROTOCOL);
	}
	return loop_is_ending(f->loop) ? len : used;
}

static const struct client_ops fetch_client_ops = {
	.up = fetch_up_cb,
	.input = fetch_input_cb,
	.writable = fetch_writable_cb,
	.down = fetch_down_cb,
};

void
fetch_init(struct fetch *f, struct loop *loop, const struct addr *addr, const struct fetch_ops *ops, void *arg)
{
	struct client_options options = { .addr = *addr, .once_at_first = true };

	*f = (struct fetch){ .loop = loop, .ops = ops, .arg = arg };
	f->client = client_new(loop, &options, &fetch_client_ops, f);
}

void
fetch_deinit(struct fetch *f)
{
	client_free(f->client);
	resp_reply_deinit(&f->reply);
	buf_deinit(&f->out);
	snapshot_deinit(&f->snapshot);
}

void
fetch_start(struct fetch *f)
{
	client_start(f->client);
}
