/* How one XREAD or XREADGROUP serves its streams. cmd-xread.c has the command around it. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "answer.h"
#include "blocked.h"
#include "group.h"
#include "xread-args.h"

/* An answer with so many bytes, or that took so much work, ends. */
#define XREAD_BYTES ((size_t)1024 * 1024)
#define XREAD_WORK ((uint64_t)6 * 1000 * 1000)
/* With so many bytes it ends where it would have to wait for a block from disk. */
#define XREAD_BYTES_COLD ((size_t)64 * 1024)

/* A waiter with CLAIM looks again at most so often for entries that are given after it began to wait. */
#define XREAD_RETRY_MS ((uint64_t)10)

/* Stands for ">". No entry is pending behind it, so as in Redis nobody can mean it as an id. */
#define XREAD_NEW STREAM_ID_MAX

/* An entry that the answer has, and what becomes of it in the group. */
struct xread_gift {
	struct stream_id id;
	uint64_t deliveries; /* before */
	bool is_pending;     /* already */
};

struct xread {
	struct bus *bus;
	struct session *s;
	struct streams *streams;
	struct xread_args args;
	struct blocked *blocked;  /* of a command that runs again, or NULL */
	struct blocked_key *keys; /* one for each stream */
	uint64_t begin;           /* work.done when it began */
	enum stream_step step;    /* ENTRY or END: it goes on; COLD or ERROR: it cannot */
	struct answer answer;
	size_t n_served;      /* streams in the answer */
	struct barrier *hold; /* what the answer waits for */
	struct xread_gift *gifts;
	size_t n_gifts, gifts_cap;
};

/*
 * Serve one stream: what they find after `after` is added to the answer, and then to n_served, and given by the group.
 * Return STREAM_END; or COLD or ERROR, and then the command cannot go on: it ends with what was served, or if that is
 * nothing, waits or fails, without a change.
 */
enum stream_step xread_serve_plain(struct xread *read, struct stream *stream, struct stream_id after);
enum stream_step xread_serve_group(struct xread *read, struct stream *stream, struct stream_group *group,
                                   struct stream_id after);
