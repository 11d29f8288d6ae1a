/* The options of XADD and XTRIM that trim a stream, and the trim itself, which may take several turns. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "refs.h"

struct trim_options {
	bool is_given;  /* MAXLEN or MINID */
	bool has_limit; /* LIMIT */
	bool has_refs;
	enum refs refs;
	struct stream_trim trim;
};

enum trim_taken { TRIM_REFUSED, TRIM_TAKEN, TRIM_OTHER };

/*
 * Reads the option at argv[*at] with what belongs to it, and moves *at behind that. TRIM_OTHER: it is none of these;
 * TRIM_REFUSED: an error was replied.
 */
enum trim_taken trim_take(struct bus *bus, struct session *s, const struct slice *argv, size_t argc, size_t *at,
                          struct trim_options *options);

/* Whether the options go together, when all are read; otherwise replies an error. Sets the limit if none was given. */
bool trim_require_valid(struct bus *bus, struct session *s, const struct streams *streams,
                        struct trim_options *options);

/* How far a trim has come. */
struct trim_progress {
	uint64_t removed;    /* entries */
	struct stream_id at; /* where it goes on */
};

/* What the running command kept when it paused, or the beginning. */
struct trim_progress trim_resume(struct bus *bus);

/* STREAM_END: it is done; STREAM_MORE: the turn is over; STREAM_COLD or STREAM_ERROR. */
enum stream_step trim_run(struct streams *streams, struct stream *stream, const struct trim_options *options,
                          struct trim_progress *progress);

/*
 * For a trim that follows when one entry is added: STREAM_END, or STREAM_COLD or STREAM_ERROR if it will need a block
 * that is not in memory. (With ACKED and DELREF it may be STREAM_COLD nevertheless.)
 */
enum stream_step trim_prepare(struct streams *streams, struct stream *stream, const struct trim_options *options);

/* Keeps the progress in the place of the command, which goes on with `next`. Returns false without memory. */
bool trim_pause(struct bus *bus, const struct trim_progress *progress, size_t next);
