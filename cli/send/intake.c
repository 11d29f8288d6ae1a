/*
 * Messages move a batch at a time: from the input into the batch, the batch into the file, and only then do they count
 * as read from the input. So each message is always in the input or in the file, whenever the process dies; of those
 * that are in both then, the next process knows it (doubt.h). What of a batch cannot be written stays and is tried
 * again every second, and whenever answers may have made room; nothing is read meanwhile.
 */
#include "intake.h"

#include <string.h>

#include "lines.h"
#include "loop.h"
#include "say.h"
#include "send-options.h"
#include "spool.h"

/* Bytes in a batch of the spool; more would gain nothing. */
#define BATCH_BYTES ((uint64_t)256 * 1024)
#define RETRY_MS 1000

void
intake_init(struct intake *in, const struct send_options *o, struct way *way, struct lines *lines, struct spool *spool)
{
	in->o = o;
	in->way = way;
	in->lines = lines;
	in->spool = spool;
}

void
intake_start(struct intake *in, struct loop *loop, timer_cb *cb, void *arg)
{
	timer_init(&in->retry, loop, cb, arg);
}

void
intake_deinit(struct intake *in)
{
	timer_deinit(&in->retry);
	doubt_deinit(&in->doubt);
	buf_deinit(&in->packed);
}

/* A message on its way into the spool. */
static void
intake_add(struct intake *in, const struct slice *message)
{
	if (spool_added(in->spool) == 0) {
		way_set_due(in->way, in->o->delay_ms);
		in->packed.len = 0;
		way_put(in->way, &in->packed);
		spool_set_way(in->spool, (struct slice){ in->packed.data, in->packed.len });
	}
	spool_add(in->spool, message);
}

/*
 * Writes what there is room for, and consumes that from the input. Returns whether all is in the file. On a disk that
 * stays nearly full, writing fails and works many times a second: that is said once.
 */
static bool
intake_write(struct intake *in)
{
	uint64_t before = spool_left(in->spool);
	int r = spool_write(in->spool);

	/* The mark frees the room of what is answered; then it may work. */
	if (r < 0 && spool_mark(in->spool) == 0)
		r = spool_write(in->spool);
	if (spool_left(in->spool) > before) {
		lines_consume(in->lines, spool_left(in->spool) - before);
		spool_taken(in->spool);
	}
	in->stuck = r < 0;
	if (in->stuck) {
		in->stuck_at = loop_now();
		if (!in->said_stuck)
			say("spool '%s': %s; nothing more is read until it can be written", in->o->spool, strerror(-r));
		in->said_stuck = true;
	} else if (in->said_stuck && loop_now() - in->stuck_at >= RETRY_MS) {
		say("spool '%s': writing works again", in->o->spool);
		in->said_stuck = false;
	}
	if (in->said_stuck && !timer_is_set(&in->retry))
		timer_set(&in->retry, RETRY_MS);
	return !in->stuck;
}

/* What was compared in vain is new. */
static void
intake_end_doubt(struct intake *in)
{
	struct slice line;

	while (doubt_take(&in->doubt, &line))
		intake_add(in, &line);
}

/* Whether the line is new, where that is in doubt; adds those before it that have turned out to be new. */
static bool
intake_is_new(struct intake *in, struct slice line)
{
	switch (doubt_check(&in->doubt, line)) {
	case DOUBT_GOES_ON:
		break;
	case DOUBT_SAME:
		lines_consume(in->lines, in->doubt.same);
		in->known = in->doubt.same;
		spool_taken(in->spool);
		doubt_deinit(&in->doubt);
		break;
	case DOUBT_NEW:
		intake_end_doubt(in);
		return true;
	}
	return false;
}

void
intake_fill(struct intake *in)
{
	enum input_status status = INPUT_OK;
	struct slice message;

	if (!intake_write(in))
		return;
	while (status == INPUT_OK && (!spool_is_full(in->spool) || doubt_is_there(&in->doubt))) {
		while (spool_added(in->spool) < BATCH_BYTES && (status = lines_next(in->lines, &message)) == INPUT_OK)
			if (!doubt_is_there(&in->doubt) || intake_is_new(in, message))
				intake_add(in, &message);
		if (doubt_is_there(&in->doubt) && status != INPUT_OK && status != INPUT_MORE)
			intake_end_doubt(in);
		if (!intake_write(in))
			break;
	}
	if (spool_is_full(in->spool) && !lines_are_over(in->lines) && !in->said_full) {
		say("spool '%s' is full (--spool-bytes): nothing more is read until messages are answered",
		    in->o->spool);
		in->said_full = true;
	}
	lines_want(in->lines, status == INPUT_MORE && !in->stuck);
}
