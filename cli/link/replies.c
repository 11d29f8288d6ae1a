#include "replies.h"

#include <assert.h>
#include <string.h>

#include "loop.h"
#include "memory.h"
#include "num.h"

/* The longest header of an array: "*", a number, CR LF. */
#define HEADER_MAX 24

void
replies_init(struct replies *r, const struct loop *loop, size_t max_bulk, replies_cb *cb, void *arg)
{
	*r = (struct replies){ .loop = loop, .max_bulk = max_bulk, .cb = cb, .arg = arg };
}

void
replies_deinit(struct replies *r)
{
	resp_reply_deinit(&r->parser);
}

void
replies_clear(struct replies *r)
{
	r->n = 0;
}

void
replies_expect(struct replies *r, struct replies_expected expected)
{
	assert(r->n < REPLIES_EXPECTED_MAX);
	r->expected[r->n++] = expected;
}

/* Removes the first entry if all of it has come. */
static void
replies_pop(struct replies *r)
{
	if (r->expected[0].left == 0)
		memmove(r->expected, r->expected + 1, --r->n * sizeof(r->expected[0]));
}

/* "*N": N elements follow. Returns the bytes it took, 0 where it is not complete, -1 where it is none. */
static ssize_t
replies_read_header(struct replies *r, const uint8_t *p, size_t len)
{
	const uint8_t *end = memchr(p, '\r', len < HEADER_MAX ? len : HEADER_MAX);
	int64_t n;

	if (!end || (size_t)(end - p) + 2 > len)
		return end || len < HEADER_MAX ? 0 : -1;
	if (end[1] != '\n' || num_parse_resp(p + 1, (size_t)(end - p) - 1, &n) != 0 || n < 0)
		return -1;
	r->expected[0].by_elements = false;
	r->expected[0].left = (uint64_t)n;
	replies_pop(r);
	return end + 2 - p;
}

/* Reads one reply, element or header. Returns as replies_read_header() does. */
static ssize_t
replies_read_one(struct replies *r, const uint8_t *p, size_t len, size_t *ret_need)
{
	struct replies_expected first = r->expected[0];
	bool is_expected = r->n > 0;

	if (is_expected && first.by_elements && *p == '*')
		return replies_read_header(r, p, len);
	switch (resp_reply_parse(&r->parser, p, len, r->max_bulk)) {
	case RESP_REPLY_OK:
		/* The callback may expect more, so the entry goes first. */
		if (is_expected) {
			r->expected[0].left--;
			replies_pop(r);
		}
		return r->cb(r->arg, &r->parser, p, is_expected ? &first : NULL) ? (ssize_t)r->parser.used : -1;
	case RESP_REPLY_MORE:
		*ret_need = r->parser.need;
		return 0;
	case RESP_REPLY_ERROR:
		break;
	case RESP_REPLY_NOMEM:
		memory_check(-1);
	}
	return -1;
}

ssize_t
replies_read(struct replies *r, const uint8_t *p, size_t len, size_t *ret_need)
{
	size_t used = 0;
	ssize_t n = 1;

	while (n > 0 && used < len && !loop_is_ending(r->loop)) {
		n = replies_read_one(r, p + used, len - used, ret_need);
		if (n > 0)
			used += (size_t)n;
	}
	return n < 0 ? -1 : (ssize_t)used;
}
