#include "doubt.h"

#include <string.h>

#include "spool.h"

static struct slice
doubt_line_at(const struct doubt *d, size_t at)
{
	uint32_t len;

	memcpy(&len, d->bytes.data + at, sizeof(len));
	return (struct slice){ d->bytes.data + at + sizeof(len), len };
}

/* The least bytes that the lines take in a pipe: the last one may have no end. */
static uint64_t
doubt_input_size(const struct doubt *d)
{
	uint64_t size = 0;

	for (size_t at = 0; at < d->bytes.len; at += sizeof(uint32_t) + doubt_line_at(d, at).len)
		size += doubt_line_at(d, at).len + 1;
	return size - 1;
}

void
doubt_init(struct doubt *d, struct spool_report *report, int fd)
{
	struct spool_intent now;

	*d = (struct doubt){ .bytes = report->found.doubt };
	report->found.doubt = (struct buf){ 0 };
	if (d->bytes.len > 0 &&
	    (fd < 0 || !spool_intent_describe(fd, &now) || !spool_intent_may_hold(&report->intent, &now) ||
	     (now.present > 0 && now.present < doubt_input_size(d))))
		doubt_deinit(d);
}

void
doubt_deinit(struct doubt *d)
{
	buf_deinit(&d->bytes);
	*d = (struct doubt){ 0 };
}

enum doubt_result
doubt_check(struct doubt *d, struct slice line)
{
	struct slice expected = doubt_line_at(d, d->at);

	if (expected.len != line.len || !slice_is(line, expected.p))
		return DOUBT_NEW;
	d->at += sizeof(uint32_t) + expected.len;
	d->same++;
	return d->at == d->bytes.len ? DOUBT_SAME : DOUBT_GOES_ON;
}

bool
doubt_take(struct doubt *d, struct slice *ret_line)
{
	if (d->taken == d->at) {
		doubt_deinit(d);
		return false;
	}
	*ret_line = doubt_line_at(d, d->taken);
	d->taken += sizeof(uint32_t) + ret_line->len;
	return true;
}
