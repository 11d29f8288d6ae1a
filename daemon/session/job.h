/*
 * A command that is not done when the turn of its client ends. The session keeps a copy of its arguments and where it
 * stands, and goes on with it before anything else of its input.
 */
#pragma once

#include <stddef.h>
#include <sys/queue.h>

#include "command.h"
#include "sessions.h"

/* A copy of a command; the bytes of its arguments are in the same allocation. */
struct queued_command {
	STAILQ_ENTRY(queued_command) link;
	const struct command *row;
	size_t argc;
	struct slice argv[];
};

/* Memory of a copy with so many arguments that have so many bytes together. */
static inline size_t
queued_command_size(size_t argc, size_t bytes)
{
	return sizeof(struct queued_command) + argc * sizeof(struct slice) + bytes;
}

/* Copies a command to memory of that size, aligned for any type. */
struct queued_command *queued_command_put(void *to, const struct command *row, const struct slice *argv, size_t argc);

struct job {
	struct queued_command *command;
	size_t bytes; /* memory of the command */
	struct place place;
};

/* Frees what a place holds, if anything, and zeroes it. */
void place_clear(struct bus *bus, struct place *place);

/*
 * Makes a job of a command that has returned COMMAND_MORE, and moves sessions.place to it. The session is ready
 * afterwards, or dead without memory.
 */
void job_begin(struct bus *bus, struct session *s, const struct command *row, const struct slice *argv, size_t argc);

/* Ends and frees the session's job, if there is one. */
void job_end(struct bus *bus, struct session *s);

/*
 * For handlers that walk: whether the turn is over, or the client does not read its replies. Then the handler returns
 * COMMAND_MORE, and finds next in place.
 */
static inline bool
job_must_pause(struct bus *bus, const struct session *s, size_t next)
{
	if (!work_is_turn_over(&bus->flow.work) &&
	    !(client_is_stalled(&s->client) && &s->client != bus->flow.executing))
		return false;
	sessions_of(bus)->place.next = next;
	return true;
}
