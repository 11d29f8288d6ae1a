/*
 * Which entries are handled is known later than that they were taken: when standard output has written them, when their
 * command has ended, or when the file is on the disk. So each run of entries leaves a mark: once the sink has handled
 * that much, the position in the stream is the last entry of the run. Positions are saved at most once a second, and at
 * the end; what was handled since then comes again after a crash.
 *
 * With --into nothing comes again: only so much of the file counts as is recorded with the positions, after it is on
 * the disk, and the rest is cut off when the file is opened.
 */
#include "ledger.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

#include "into.h"
#include "loop.h"
#include "memory.h"
#include "place.h"
#include "recv-options.h"
#include "say.h"
#include "sink.h"

/* ms between two writes of the positions. */
#define LEDGER_SAVE ((uint64_t)1000)
/* What may come again of standard output after a crash in the middle of a run of entries, in bytes. */
#define LEDGER_RUN ((uint64_t)4096)

/* Ends the loop unless all is well. */
static bool
ledger_is_well(struct ledger *l, int status)
{
	if (status == 0)
		return true;
	l->has_failed = true;
	loop_end(l->loop, status);
	return false;
}

static void
ledger_pop_marks(struct ledger *l)
{
	struct mark mark;

	while (marks_pop(&l->marks, sink_handled(l->sink), &mark)) {
		positions_set(&l->positions, mark.stream, mark.id, mark.count);
		l->is_dirty = true;
	}
}

int
ledger_save(struct ledger *l)
{
	int status = l->into ? into_sync(l->into, &l->positions.into) : 0;

	timer_stop(&l->save_timer);
	ledger_pop_marks(l);
	if (status == 0 && l->is_dirty && l->path)
		status = positions_save(&l->positions);
	l->is_dirty = false;
	l->saved_at = loop_now();
	(void)ledger_is_well(l, status);
	return status;
}

static void
ledger_save_cb(void *arg)
{
	(void)ledger_save(arg);
}

void
ledger_handled(struct ledger *l)
{
	uint64_t since = loop_now() - l->saved_at;

	if (!l->path || l->has_failed)
		return;
	ledger_pop_marks(l);
	if (!l->is_dirty && !(l->into && into_appended(l->into) > into_synced(l->into)))
		return;
	if (since >= LEDGER_SAVE)
		(void)ledger_save(l);
	else if (!timer_is_set(&l->save_timer))
		timer_set(&l->save_timer, LEDGER_SAVE - since);
}

/* Opens the file and records it, before anything is written to it. */
static int
ledger_open_into(struct ledger *l)
{
	int status = into_open(l->o->into, &l->positions.into, &l->into);

	if (status != 0)
		return status;
	sink_set_file(l->sink, l->into);
	l->is_dirty = true;
	return ledger_save(l);
}

/* The file was renamed: what was written so far counts there, and what comes goes to a new one. */
static int
ledger_reopen_into(struct ledger *l)
{
	struct into *old = l->into;
	int status = ledger_save(l);

	if (status == 0) {
		say_verbose("'%s' was renamed; going on with a new file", l->o->into);
		status = ledger_open_into(l);
	}
	if (l->into != old)
		into_free(old);
	return status;
}

bool
ledger_take(struct ledger *l)
{
	if (!l->is_taking && l->into && into_is_renamed(l->into) && !ledger_is_well(l, ledger_reopen_into(l)))
		return false;
	l->is_taking = true;
	return true;
}

void
ledger_took(struct ledger *l, struct slice stream, const struct place *place)
{
	if (l->path)
		marks_add(&l->marks, sink_taken(l->sink), (struct mark){ stream, place->id, place->count });
}

bool
ledger_took_all(struct ledger *l)
{
	l->is_taking = false;
	return !l->into || ledger_is_well(l, into_write(l->into));
}

const struct position *
ledger_find(const struct ledger *l, struct slice stream)
{
	return positions_find(&l->positions, stream);
}

void
ledger_begin(struct ledger *l, struct slice stream, const struct place *place)
{
	if (!l->path || positions_find(&l->positions, stream))
		return;
	positions_set(&l->positions, stream, place->id, place->count);
	l->is_dirty = true;
}

int
ledger_init(struct ledger *l, struct loop *loop, struct sink *sink, const struct recv_options *o)
{
	int status, r = 0;

	*l = (struct ledger){ .loop = loop, .sink = sink, .o = o };
	marks_init(&l->marks, o->exec ? 0 : o->into ? UINT64_MAX : LEDGER_RUN);
	timer_init(&l->save_timer, loop, ledger_save_cb, l);
	if (o->position)
		l->path = strdup(o->position);
	else if (o->into)
		r = asprintf(&l->path, "%s.position", o->into);
	memory_check(r < 0 || (o->position && !l->path) ? -1 : 0);
	status = positions_open(&l->positions, l->path);
	if (status == 0 && o->into)
		return ledger_open_into(l);
	if (status == 0 && l->positions.into.given) {
		say("recv: the positions in '%s' belong to a file that was written with --into", l->path);
		return EX_USAGE;
	}
	return status;
}

void
ledger_deinit(struct ledger *l)
{
	timer_deinit(&l->save_timer);
	marks_deinit(&l->marks);
	positions_deinit(&l->positions);
	into_free(l->into);
	free(l->path);
}
