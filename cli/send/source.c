/*
 * Without a spool, messages go straight from the input to source_next(). With one, the intake moves them into the spool
 * first.
 */
#include "source.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sysexits.h>

#include "intake.h"
#include "lines.h"
#include "loop.h"
#include "memory.h"
#include "say.h"
#include "send-options.h"
#include "source-spool.h"
#include "spool.h"

/* Messages from arguments, which are few, are from one of so many producers that all processes share: else each process
 * would leave one behind. */
#define SHARED_PRODUCERS 1024

struct source {
	const struct send_options *o;
	struct loop *loop;
	struct lines *lines;
	struct slice channel; /* of the last message */
	uint64_t done;        /* messages answered or refused */

	struct way way;       /* of new messages */
	struct intake intake; /* of them, into the spool */
	struct way spooled;   /* of the message that came from the spool last */
	struct buf unpacked;  /* what that was made from */
	uint64_t way_serial;  /* of the last message */
	char producer_text[32];
	struct slice producer;
	uint64_t token; /* tells apart the messages of processes that share a producer; or 0 */

	struct spool *spool;  /* or NULL */
	uint64_t left_before; /* messages that were in it at the start */
	bool lost;            /* some of those were damaged */
	bool failed;          /* the spool cannot be read */
};

/* Sets how new messages are sent, and by which name the daemon knows this process, or its spool. */
static void
source_set_way(struct source *s)
{
	const struct send_options *o = s->o;
	uint64_t random = 0;

	s->way = (struct way){ .kind = o->way.kind, .key = o->way.key, .fields = o->way.fields };
	s->way.n_fields = o->way.n_fields;
	s->way.due_ms = o->way.due_ms;
	s->way.origin = s->spool ? spool_number(s->spool) : 0;
	memory_check(getrandom(&random, sizeof(random), 0) == sizeof(random) ? 0 : -1);
	if (s->spool) {
		snprintf(s->producer_text, sizeof(s->producer_text), "%016" PRIx64, spool_identity(s->spool));
	} else if (lines_are_arguments(s->lines)) {
		snprintf(s->producer_text, sizeof(s->producer_text), "send%" PRIu64, random % SHARED_PRODUCERS);
		s->token = random | 1;
	} else {
		snprintf(s->producer_text, sizeof(s->producer_text), "%016" PRIx64, random);
	}
	s->producer = slice_of(s->producer_text);
}

int
source_open(const struct send_options *o, struct source **ret_source)
{
	struct source *s = memory_alloc(sizeof(*s));
	int status;

	s->o = o;
	s->channel = slice_of(o->common.args[0]);
	status = lines_open(o, &s->lines);
	if (status == EX_OK && o->spool)
		status = source_spool_open(o, lines_input(s->lines), &s->spool, &s->intake.doubt, &s->lost);
	if (status != EX_OK) {
		source_free(s);
		return status;
	}
	if (s->spool)
		s->left_before = spool_left(s->spool);
	source_set_way(s);
	intake_init(&s->intake, o, &s->way, s->lines, s->spool);
	*ret_source = s;
	return EX_OK;
}

void
source_start(struct source *s, struct loop *loop, source_cb *cb, void *arg)
{
	s->loop = loop;
	intake_start(&s->intake, loop, cb, arg);
	lines_start(s->lines, loop, s->spool, cb, arg);
}

void
source_free(struct source *s)
{
	if (!s)
		return;
	lines_free(s->lines);
	spool_close(s->spool);
	intake_deinit(&s->intake);
	buf_deinit(&s->unpacked);
	free(s);
}

void
source_fill(struct source *s)
{
	if (s->spool)
		intake_fill(&s->intake);
}

/* Sets how a message from the spool is sent. */
static int
source_unpack_way(struct source *s, struct slice bytes)
{
	if (s->way_serial > 0 && bytes.len == s->unpacked.len &&
	    (bytes.len == 0 || memcmp(bytes.p, s->unpacked.data, bytes.len) == 0))
		return 0;
	s->way_serial++;
	s->unpacked.len = 0;
	memory_check(buf_append(&s->unpacked, bytes.p, bytes.len));
	return way_get((struct slice){ s->unpacked.data, s->unpacked.len }, &s->spooled) ? 0 : -EBADMSG;
}

static enum source_status
source_next_spooled(struct source *s, struct item *ret_item)
{
	struct spool_message message;
	int r = s->failed || doubt_is_there(&s->intake.doubt) ? 0 : spool_next(s->spool, &message);

	if (r > 0 && source_unpack_way(s, message.way) < 0)
		r = -EBADMSG;
	if (r < 0) {
		say("reading spool '%s': %s", s->o->spool, strerror(-r));
		s->failed = true;
		loop_end(s->loop, EX_IOERR);
	}
	if (r > 0) {
		*ret_item = (struct item){ .channel = message.channel,
			                   .text = message.text,
			                   .way = &s->spooled,
			                   .way_serial = s->way_serial,
			                   .number = message.number,
			                   .sum = message.sum,
			                   .producer = s->producer };
		return SOURCE_OK;
	}
	return s->failed || (lines_are_over(s->lines) && spool_added(s->spool) == 0) ? SOURCE_END : SOURCE_LATER;
}

enum source_status
source_next(struct source *s, struct item *ret_item)
{
	uint64_t number = lines_taken(s->lines);
	struct follow_origin origin;
	bool is_another;

	if (s->spool)
		return source_next_spooled(s, ret_item);
	switch (lines_next(s->lines, &ret_item->text)) {
	case INPUT_OK:
		break;
	case INPUT_MORE:
		return SOURCE_LATER;
	case INPUT_END:
	case INPUT_FAILED:
		return SOURCE_END;
	}
	if (way_set_due(&s->way, s->o->delay_ms))
		s->way_serial++;
	*ret_item = (struct item){ .channel = s->channel,
		                   .text = ret_item->text,
		                   .way = &s->way,
		                   .number = number,
		                   .sum = s->token,
		                   .producer = s->producer };
	if (s->way.kind != WAY_PUBLISH && s->way.key.len == 0 && lines_get_origin(s->lines, &origin, &is_another)) {
		ret_item->number = origin.number;
		ret_item->sum = origin.sum;
		ret_item->producer = origin.producer;
		s->way_serial += is_another;
	}
	ret_item->way_serial = s->way_serial;
	return SOURCE_OK;
}

void
source_want(struct source *s, bool want)
{
	if (!s->spool)
		lines_want(s->lines, want);
}

static void
source_check_spool(struct source *s, int r)
{
	if (r == 0 || s->failed)
		return;
	say("spool '%s': %s", s->o->spool, strerror(-r));
	s->failed = true;
	loop_end(s->loop, EX_IOERR);
}

void
source_done(struct source *s, uint64_t n)
{
	s->done += n;
	lines_answered(s->lines, n);
	if (s->spool)
		source_check_spool(s, spool_answered(s->spool, n));
}

void
source_settle(struct source *s)
{
	int r = s->spool ? spool_mark(s->spool) : 0;

	/* On a full file system that copies on write even the mark fails; the next one makes up for it. */
	if (r != -ENOSPC && r != -EDQUOT)
		source_check_spool(s, r);
}

bool
source_stop(struct source *s)
{
	return lines_stop(s->lines);
}

uint64_t
source_taken(const struct source *s)
{
	return s->left_before + lines_taken(s->lines) - s->intake.known;
}

uint64_t
source_bytes(const struct source *s)
{
	return lines_bytes(s->lines);
}

void
source_count_rest(struct source *s)
{
	/* With a spool the rest of the input is left unread. */
	if (!s->spool || lines_are_arguments(s->lines))
		lines_count_rest(s->lines);
}

uint64_t
source_left(const struct source *s)
{
	return source_taken(s) - s->done;
}

bool
source_is_stuck(const struct source *s)
{
	return s->intake.stuck;
}

void
source_describe(const struct source *s, uint64_t number, char *text, size_t size)
{
	if (number > s->left_before)
		lines_describe(s->lines, number - s->left_before + s->intake.known, text, size);
	else
		snprintf(text, size, "message %" PRIu64 " of those left in spool '%s'", number, s->o->spool);
}

void
source_say_left(const struct source *s)
{
	uint64_t left = s->spool ? spool_left(s->spool) : 0;

	if (left > 0)
		say("%" PRIu64 " message%s in '%s', sent at the next start with it", left,
		    left == 1 ? " stays" : "s stay", s->o->spool);
	lines_say_lost(s->lines);
	if (s->intake.stuck && source_left(s) > left)
		say("%" PRIu64 " could not be written to it%s", source_left(s) - left,
		    lines_are_arguments(s->lines) ? "" : ", and are still in the input");
}

int
source_exit_status(const struct source *s)
{
	if (s->failed || s->intake.stuck || lines_have_failed(s->lines))
		return EX_IOERR;
	return s->lost ? EX_DATAERR : EX_OK;
}
