/* What the functions share that know which blocks a command of a transaction needs; see exec-needs.h. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "keyspace.h"
#include "transaction.h"

struct needs {
	struct bus *bus;
	struct session *s;
	struct streams *streams;
	struct exec_needs *known;
	const struct transaction *transaction;
	const struct slice *argv;
	size_t argc;
	struct stream *stream; /* of its key, or NULL */
	bool is_moving;        /* a step was done in this turn */
	bool is_enough;        /* more does not fit into the cache */
};

/* Looks for what a command needs. STREAM_END: it has seen all; STREAM_COLD; or STREAM_MORE: the turn is over. */
typedef enum stream_step needs_look(struct needs *needs);

static inline uint64_t
needs_sum(uint64_t a, uint64_t b)
{
	return a + b < a ? UINT64_MAX : a + b;
}

static inline bool
needs_is_name(struct slice a, struct slice b)
{
	return a.len == b.len && memcmp(a.p, b.p, a.len) == 0;
}

/* The stream that will have the name when the command runs, as those before it may rename one; or NULL. */
struct stream *needs_find(struct needs *needs, struct slice name);

/* Before each step: whether the turn is over. Each turn has one step at least. */
static inline bool
needs_must_pause(struct needs *needs)
{
	bool is_first = !needs->is_moving;

	needs->is_moving = true;
	return !is_first && work_is_turn_over(&needs->bus->flow.work);
}

/*
 * All that follow: STREAM_END: what is needed is there, or cannot be read, which the command will say; or STREAM_COLD;
 * needs_ids() also STREAM_MORE.
 */

/* Block i; those up to `until` will be needed next. */
enum stream_step needs_open(struct needs *needs, struct stream *stream, size_t i, size_t until);

/* The block that has an entry, if any has. */
enum stream_step needs_open_entry(struct needs *needs, struct stream *stream, struct stream_id id);

/* Blocks from one end of the range on that have `count` entries at least, or over `bytes` bytes. */
enum stream_step needs_forward(struct needs *needs, struct stream *stream, struct stream_id from, struct stream_id to,
                               uint64_t count, uint64_t bytes);
enum stream_step needs_backward(struct needs *needs, struct stream *stream, struct stream_id from, struct stream_id to,
                                uint64_t count, uint64_t bytes);

/* The ids argv[first .. first + n), up to one that is none. */
enum stream_step needs_ids(struct needs *needs, size_t first, size_t n);

/* The number behind a word from argv[at] on; or fallback. */
int64_t needs_option(const struct needs *needs, size_t at, const char *option, int64_t fallback);
