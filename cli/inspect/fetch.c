/*
 * A snapshot is five commands, sent together, and where groups are wanted, one for each stream that has some; the queue
 * of expected replies says which answers are to come, since a kill may stand between them. The answers to UDSD
 * CHANNELS, UDSD STREAMS and UDSD SERVICES may have more values than the parser takes in one reply, so their elements
 * are read one by one.
 */
#include "fetch.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

#include "answers.h"
#include "client.h"
#include "loop.h"
#include "memory.h"
#include "num.h"
#include "resp-encode.h"
#include "say.h"

#define BULK_MAX ((size_t)1024 * 1024 * 1024)

static const char fetch_questions[] =
    "*8\r\n$4\r\nINFO\r\n$6\r\nserver\r\n$7\r\nclients\r\n$6\r\nmemory\r\n$7\r\nstreams\r\n$8\r\nservices\r\n"
    "$5\r\nstats\r\n$3\r\ncpu\r\n"
    "*2\r\n$4\r\nUDSD\r\n$8\r\nCHANNELS\r\n"
    "*2\r\n$4\r\nUDSD\r\n$7\r\nSTREAMS\r\n"
    "*2\r\n$4\r\nUDSD\r\n$8\r\nSERVICES\r\n"
    "*2\r\n$4\r\nUDSD\r\n$7\r\nCLIENTS\r\n";

enum fetch_answer {
	FETCH_INFO,
	FETCH_CHANNELS,
	FETCH_STREAMS,
	FETCH_SERVICES,
	FETCH_CLIENTS,
	FETCH_GROUPS,
	FETCH_KILLED,
};

static void
fetch_writable_cb(void *arg)
{
	struct fetch *f = arg;
	struct iovec iov = { f->out.data, f->out.len };

	buf_consume(&f->out, client_writev(f->client, &iov, 1));
}

/* id: of FETCH_KILLED. */
static void
fetch_expect(struct fetch *f, enum fetch_answer answer, uint64_t id)
{
	replies_expect(&f->replies, (struct replies_expected){
					.what = answer,
					.id = id,
					.left = 1,
					.by_elements = answer == FETCH_CHANNELS || answer == FETCH_STREAMS ||
	                                               answer == FETCH_SERVICES,
				    });
}

void
fetch_snapshot(struct fetch *f)
{
	if (!client_is_up(f->client) || f->asked_at > 0 || f->replies.n + 5 > REPLIES_EXPECTED_MAX)
		return;
	snapshot_clear(&f->snapshot);
	fetch_expect(f, FETCH_INFO, 0);
	fetch_expect(f, FETCH_CHANNELS, 0);
	fetch_expect(f, FETCH_STREAMS, 0);
	fetch_expect(f, FETCH_SERVICES, 0);
	fetch_expect(f, FETCH_CLIENTS, 0);
	f->asked_at = loop_now();
	memory_check(buf_append(&f->out, fetch_questions, sizeof(fetch_questions) - 1));
	fetch_writable_cb(f);
}

bool
fetch_kill(struct fetch *f, uint64_t id)
{
	char text[NUM_DIGITS_MAX];
	size_t len = num_put_u64(text, id);

	if (!client_is_up(f->client) || f->replies.n + 6 > REPLIES_EXPECTED_MAX) /* a snapshot always has room */
		return false;
	fetch_expect(f, FETCH_KILLED, id);
	memory_check(buf_printf(&f->out, "*4\r\n$6\r\nCLIENT\r\n$4\r\nKILL\r\n$2\r\nID\r\n$%zu\r\n%.*s\r\n", len,
	                        (int)len, text));
	fetch_writable_cb(f);
	return true;
}

/* The snapshot has all that it is to have. */
static void
fetch_taken(struct fetch *f)
{
	f->asked_at = 0;
	f->ops->taken(f->arg, &f->snapshot);
}

/* Asks for the groups of streams. Returns whether there are any to ask for. */
static bool
fetch_ask_groups(struct fetch *f)
{
	const struct snapshot_list *streams = &f->snapshot.lists[SNAPSHOT_STREAMS];

	f->n_asked = 0;
	for (size_t i = 0; f->wants_groups && i < streams->n && f->n_asked < FETCH_GROUPS_MAX; i++) {
		struct slice words[] = { { (const uint8_t *)"XINFO", 5 },
			                 { (const uint8_t *)"GROUPS", 6 },
			                 snapshot_text(&f->snapshot, streams->rows[i].key) };

		if (streams->rows[i].values[STREAM_GROUPS] == 0)
			continue;
		f->asked[f->n_asked++] = i;
		memory_check(buf_reserve(&f->out, resp_command_size(words, 3)));
		f->out.len += resp_put_command((char *)f->out.data + f->out.len, words, 3);
	}
	if (f->n_asked == 0)
		return false;
	replies_expect(&f->replies, (struct replies_expected){ .what = FETCH_GROUPS, .left = f->n_asked });
	fetch_writable_cb(f);
	return true;
}

/* Takes the answer about a stream, which may be gone, or one that this user may not read. */
static bool
fetch_take_groups(struct fetch *f, const struct resp_reply *reply, uint64_t left)
{
	if (reply->nodes[0].type != RESP_ERROR &&
	    !snapshot_read_groups(&f->snapshot, f->asked[f->n_asked - left], reply))
		return false;
	if (left == 1)
		fetch_taken(f);
	return true;
}

static void
fetch_up_cb(void *arg)
{
	fetch_snapshot(arg);
}

static void
fetch_down_cb(void *arg, uint64_t unread)
{
	struct fetch *f = arg;

	(void)unread;
	f->out.len = 0;
	replies_clear(&f->replies);
	f->asked_at = 0;
	f->ops->down(f->arg);
}

/* Returns false where no udsd answers so. */
static bool
fetch_reply_cb(void *arg, const struct resp_reply *reply, const uint8_t *p, const struct replies_expected *expected)
{
	struct fetch *f = arg;
	const struct resp_node *node = reply->nodes;
	bool is_error = node->type == RESP_ERROR, is_text = node->type == RESP_BULK || node->type == RESP_VERBATIM;

	(void)p;
	if (is_error && !(expected && (expected->what == FETCH_KILLED || expected->what == FETCH_GROUPS))) {
		/* A daemon that is full, or out of memory, may have room later. */
		int complaint = answers_complaint(&node->text);

		if (complaint) {
			client_drop(f->client, complaint);
		} else if (!expected || expected->what != FETCH_STREAMS) { /* streams may be off: then there are none */
			say("%s: %.*s", client_name(f->client), (int)node->text.len, (const char *)node->text.p);
			loop_end(f->loop, answers_error_status(&node->text));
		}
		return true;
	}
	if (!expected)
		return false;
	switch ((enum fetch_answer)expected->what) {
	case FETCH_INFO:
		return is_text && snapshot_read_info(&f->snapshot, node->text);
	case FETCH_CHANNELS:
		/* Still by elements: this is no element but another reply in place of the array. */
		return !expected->by_elements && snapshot_read_row(&f->snapshot, SNAPSHOT_CHANNELS, node, reply->count);
	case FETCH_STREAMS:
		return !expected->by_elements && snapshot_read_row(&f->snapshot, SNAPSHOT_STREAMS, node, reply->count);
	case FETCH_SERVICES:
		return !expected->by_elements && snapshot_read_row(&f->snapshot, SNAPSHOT_SERVICES, node, reply->count);
	case FETCH_CLIENTS:
		if (!is_text || !snapshot_read_clients(&f->snapshot, node->text))
			return false;
		if (!fetch_ask_groups(f))
			fetch_taken(f);
		return true;
	case FETCH_GROUPS:
		return fetch_take_groups(f, reply, expected->left);
	case FETCH_KILLED:
		if (node->type != RESP_INTEGER && !is_error)
			return false;
		f->ops->killed(f->arg, expected->id, node->integer, is_error ? &node->text : NULL);
		return true;
	}
	return false;
}

static size_t
fetch_input_cb(void *arg, const uint8_t *bytes, size_t len, size_t *ret_need)
{
	struct fetch *f = arg;
	ssize_t used = replies_read(&f->replies, bytes, len, ret_need);

	if (used < 0)
		client_end_foreign(f->client);
	return loop_is_ending(f->loop) ? len : (size_t)used;
}

static const struct client_ops fetch_client_ops = {
	.up = fetch_up_cb,
	.input = fetch_input_cb,
	.writable = fetch_writable_cb,
	.down = fetch_down_cb,
};

void
fetch_init(struct fetch *f, struct loop *loop, const struct addr_list *addr, const struct fetch_ops *ops, void *arg)
{
	struct client_options options = { .addr = *addr, .once_at_first = true };

	*f = (struct fetch){ .loop = loop, .ops = ops, .arg = arg };
	f->client = client_new(loop, &options, &fetch_client_ops, f);
	replies_init(&f->replies, loop, BULK_MAX, fetch_reply_cb, f);
}

void
fetch_deinit(struct fetch *f)
{
	client_free(f->client);
	replies_deinit(&f->replies);
	buf_deinit(&f->out);
	snapshot_deinit(&f->snapshot);
}

void
fetch_start(struct fetch *f)
{
	client_start(f->client);
}
