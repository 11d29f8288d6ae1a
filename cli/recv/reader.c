/*
 * One XREAD is under way at a time; the next one asks for what is behind the last entry that was taken, also on another
 * connection. So nothing is skipped and nothing comes twice.
 *
 * Whether something is missing (place.h) is asked after each connect, and at most once a second while entries come;
 * before it waits for long it always asks.
 */
#include "reader.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "answers.h"
#include "buf.h"
#include "client.h"
#include "loop.h"
#include "memory.h"
#include "num.h"
#include "replies.h"
#include "resp-encode.h"

/* Entries of each stream in an answer: its values are parsed again while it is not complete. */
#define READER_COUNT 1000
/* ms between two looks for what is missing. */
#define READER_CHECK ((uint64_t)1000)
#define READER_BULK_MAX ((size_t)1024 * 1024 * 1024)

enum reader_answer { READER_INFO, READER_ENTRIES };

struct reader {
	struct loop *loop;
	struct client *client;
	const struct reader_ops *ops;
	void *arg;
	struct reader_stream *streams;
	size_t n;
	size_t first;  /* stream that the next XREAD names first: one that has much must not starve the others */
	size_t *asked; /* streams of the XINFO commands under way */
	size_t n_asked;
	struct replies replies;
	struct buf out;      /* not written yet */
	bool is_ready;       /* the streams have been looked at on this connection */
	bool is_under_way;   /* an XREAD is */
	bool no_wait;        /* it does not wait for entries */
	bool was_empty;      /* the last XREAD gave none */
	uint64_t checked_at; /* loop_now() */
};

static void
reader_writable_cb(void *arg)
{
	struct reader *r = arg;
	struct iovec iov = { r->out.data, r->out.len };

	buf_consume(&r->out, client_writev(r->client, &iov, 1));
}

static void
reader_put(struct reader *r, const void *p, size_t len)
{
	memory_check(buf_reserve(&r->out, len + RESP_HEADER_MAX + 2));
	r->out.len += resp_put_bulk((char *)r->out.data + r->out.len, p, len);
}

static void __attribute__((format(printf, 2, 3))) reader_put_text(struct reader *r, const char *format, ...)
{
	char text[64];
	va_list ap;

	va_start(ap, format);
	vsnprintf(text, sizeof(text), format, ap);
	va_end(ap);
	reader_put(r, text, strlen(text));
}

/* Asks for the figures of the streams: of all, or of those that are not checked. */
static void
reader_ask_figures(struct reader *r, bool all)
{
	r->n_asked = 0;
	for (size_t i = 0; i < r->n; i++) {
		if (!all && !r->streams[i].is_unchecked)
			continue;
		r->streams[i].is_unchecked = false;
		r->asked[r->n_asked++] = i;
		memory_check(buf_printf(&r->out, "*3\r\n$5\r\nXINFO\r\n$6\r\nSTREAM\r\n"));
		reader_put(r, r->streams[i].name.p, r->streams[i].name.len);
	}
	r->checked_at = loop_now();
	if (r->n_asked > 0)
		replies_expect(&r->replies, (struct replies_expected){ .what = READER_INFO, .left = r->n_asked });
}

static void
reader_ask_entries(struct reader *r, uint64_t count, uint64_t block)
{
	char id[ENTRY_ID_TEXT];

	memory_check(buf_printf(&r->out, "*%zu\r\n$5\r\nXREAD\r\n$5\r\nCOUNT\r\n", (r->no_wait ? 4 : 6) + 2 * r->n));
	reader_put_text(r, "%" PRIu64, count < READER_COUNT ? count : READER_COUNT);
	if (!r->no_wait) {
		reader_put_text(r, "BLOCK");
		reader_put_text(r, "%" PRIu64, block);
	}
	reader_put_text(r, "STREAMS");
	for (size_t i = 0; i < r->n; i++) {
		struct slice name = r->streams[(r->first + i) % r->n].name;

		reader_put(r, name.p, name.len);
	}
	for (size_t i = 0; i < r->n; i++)
		reader_put(r, id, entry_id_format(id, r->streams[(r->first + i) % r->n].place.id));
	r->is_under_way = true;
	replies_expect(&r->replies, (struct replies_expected){ .what = READER_ENTRIES, .id = r->first, .left = 1 });
}

static bool
reader_has_unchecked(const struct reader *r)
{
	for (size_t i = 0; i < r->n; i++)
		if (r->streams[i].is_unchecked)
			return true;
	return false;
}

void
reader_go(struct reader *r)
{
	uint64_t left = r->ops->left(r->arg), since = loop_now() - r->checked_at;

	if (!client_is_up(r->client) || !r->is_ready || r->is_under_way || left == 0)
		return;
	if (reader_has_unchecked(r) && (since >= READER_CHECK || (r->no_wait && r->was_empty)))
		reader_ask_figures(r, false);
	r->first = (r->first + 1) % r->n;
	reader_ask_entries(r, left, reader_has_unchecked(r) ? READER_CHECK - since : 0);
	reader_writable_cb(r);
}

/* Takes the figures of a stream, or that there is none. Returns false where the answer is something else. */
static bool
reader_take_figures(struct reader *r, const struct resp_reply *reply, struct reader_stream *s)
{
	struct place_figures f = { 0 };
	uint64_t missed;

	if (reply->nodes[0].type == RESP_ERROR) {
		if (!answers_error_is(&reply->nodes[0].text, "ERR no such key")) {
			r->ops->refused(r->arg, reply->nodes[0].text);
			return true;
		}
		r->ops->absent(r->arg, s);
	} else if (!place_read_figures(reply, &f)) {
		return false;
	}
	if (s->place.start != PLACE_BEHIND) {
		place_resolve(&s->place, &f);
	} else if (f.added > 0) {
		missed = place_check(&s->place, &f);
		if (missed > 0)
			r->ops->missed(r->arg, s, missed);
		if (place_is_beyond(&s->place, &f))
			r->ops->is_short(r->arg, s, f.last);
	}
	return true;
}

/* The stream of this name, from the i-th on in the order of the command. Returns NULL where there is none. */
static struct reader_stream *
reader_find(const struct reader *r, struct slice name, size_t first, size_t *i)
{
	for (; *i < r->n; ++*i) {
		struct reader_stream *s = &r->streams[(first + *i) % r->n];

		if (s->name.len == name.len && memcmp(s->name.p, name.p, name.len) == 0)
			return s;
	}
	return NULL;
}

/* Takes the entries of one stream, whose array is nodes[at]. */
static bool
reader_take_stream(struct reader *r, struct reader_stream *s, const struct resp_node *nodes, size_t at)
{
	size_t n = nodes[at].elements;
	struct entry e;

	at++;
	for (size_t i = 0; i < n; i++, at = nodes[at].end) {
		if (!entry_read(&nodes[at], &e))
			return false;
		if (r->ops->left(r->arg) == 0)
			return true;
		s->place.id = e.id;
		s->place.is_entry = s->is_unchecked = true;
		if (s->place.count != PLACE_COUNT_UNKNOWN)
			s->place.count++;
		r->ops->take(r->arg, s, &e);
	}
	return true;
}

static bool
reader_take_entries(struct reader *r, const struct resp_reply *reply, size_t first)
{
	const struct resp_node *nodes = reply->nodes;
	struct reader_stream *s;
	size_t order = 0, at = 1;

	r->is_under_way = false;
	if (nodes[0].type == RESP_ERROR) {
		r->ops->refused(r->arg, nodes[0].text);
		return true;
	}
	if (nodes[0].type != RESP_ARRAY && nodes[0].type != RESP_NULL)
		return false;
	for (size_t i = 0; i < nodes[0].elements; i++, at = nodes[at].end) {
		if (nodes[at].type != RESP_ARRAY || nodes[at].elements != 2 || nodes[at + 2].type != RESP_ARRAY)
			return false;
		s = reader_find(r, nodes[at + 1].text, first, &order);
		if (!s || !reader_take_stream(r, s, nodes, at + 2))
			return false;
	}
	r->was_empty = nodes[0].elements == 0;
	if (r->no_wait && r->was_empty && !reader_has_unchecked(r))
		r->ops->drained(r->arg);
	else
		r->ops->took(r->arg);
	return true;
}

/* Whether all streams were found, or are waited for: none was refused. */
static bool
reader_has_places(const struct reader *r)
{
	for (size_t i = 0; i < r->n; i++)
		if (r->streams[i].place.start != PLACE_BEHIND)
			return false;
	return true;
}

static bool
reader_reply_cb(void *arg, const struct resp_reply *reply, const uint8_t *p, const struct replies_expected *expected)
{
	struct reader *r = arg;

	(void)p;
	if (!expected && reply->nodes[0].type == RESP_ERROR) {
		r->ops->refused(r->arg, reply->nodes[0].text);
		return true;
	}
	if (!expected)
		return false;
	if (expected->what == READER_ENTRIES)
		return reader_take_entries(r, reply, expected->id);
	if (!reader_take_figures(r, reply, &r->streams[r->asked[r->n_asked - expected->left]]))
		return false;
	if (!r->is_ready && expected->left == 1 && reader_has_places(r)) {
		r->is_ready = true;
		r->ops->ready(r->arg);
	}
	return true;
}

static size_t
reader_input_cb(void *arg, const uint8_t *bytes, size_t len, size_t *ret_need)
{
	struct reader *r = arg;
	ssize_t used;

	r->ops->heard(r->arg);
	used = replies_read(&r->replies, bytes, len, ret_need);
	if (used < 0)
		client_end_foreign(r->client);
	return loop_is_ending(r->loop) ? len : (size_t)used;
}

static void
reader_up_cb(void *arg)
{
	struct reader *r = arg;

	r->ops->up(r->arg);
	reader_ask_figures(r, true);
}

static void
reader_down_cb(void *arg, uint64_t unread)
{
	struct reader *r = arg;

	(void)unread;
	r->out.len = 0;
	r->is_ready = r->is_under_way = false;
	replies_clear(&r->replies);
	r->ops->down(r->arg);
}

static const struct client_ops reader_client_ops = {
	.up = reader_up_cb,
	.input = reader_input_cb,
	.writable = reader_writable_cb,
	.down = reader_down_cb,
};

struct reader *
reader_new(struct loop *loop, const struct addr_list *addr, struct reader_stream *streams, size_t n, bool no_wait,
           const struct reader_ops *ops, void *arg)
{
	struct reader *r = memory_alloc(sizeof(*r));
	struct client_options options = { .addr = *addr };

	r->loop = loop;
	r->ops = ops;
	r->arg = arg;
	r->streams = streams;
	r->n = n;
	r->no_wait = no_wait;
	r->asked = memory_alloc(n * sizeof(r->asked[0]));
	r->client = client_new(loop, &options, &reader_client_ops, r);
	replies_init(&r->replies, loop, READER_BULK_MAX, reader_reply_cb, r);
	return r;
}

void
reader_free(struct reader *r)
{
	if (!r)
		return;
	client_free(r->client);
	replies_deinit(&r->replies);
	buf_deinit(&r->out);
	free(r->asked);
	free(r);
}

struct client *
reader_client(const struct reader *r)
{
	return r->client;
}

bool
reader_is_waiting(const struct reader *r)
{
	return client_is_up(r->client) && r->is_under_way;
}
