/* How one XREAD or XREADGROUP serves its streams. cmd-xread.c has the command around it. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "blocked.h"
#include "group.h"
#include "xread-args.h"
#include "xwork.h"

/* An answer with so many bytes, or that took so much work, ends. */
#define XREAD_BYTES ((size_t)1024 * 1024)
#define XREAD_WORK ((uint64_t)6 * 1000 * 1000)

/* COUNT of XAUTOCLAIM: Redis looks at ten times as many entries, and takes no count for which that would be too many to
 * note. */
#define XAUTOCLAIM_COUNT 100
#define XAUTOCLAIM_TRIES 10
#define XAUTOCLAIM_COUNT_MAX (INT64_MAX / 16)

/* A waiter with CLAIM looks again at most so often for entries that are given after it began to wait. */
#define XREAD_RETRY_MS ((uint64_t)10)

/* Stands for ">". No entry is pending behind it, so as in Redis nobody can mean it as an id. */
#define XREAD_NEW STREAM_ID_MAX

/* The stream that is being served, in the answer. */
struct xread_part {
	size_t begin, list; /* where the stream, and the list of its entries, begin; if is_open */
	uint64_t n;         /* entries */
	bool is_open;
	bool has_claimed;       /* what XREADGROUP with CLAIM takes comes before what is new */
	struct stream_id after; /* goes on behind this id; not for new entries of a group */
};

/* What is kept while the command waits for a block from disk. */
struct xread_state {
	size_t at;                 /* the number of the stream that is served */
	size_t list;               /* where the list of streams begins in the answer */
	size_t n_served;           /* streams in the answer */
	bool is_resumed;           /* it has waited */
	uint64_t begin_ms;         /* Unix time when it began */
	struct xread_part part;    /* of stream `at` */
	struct blocked_key keys[]; /* one for each stream */
};

/* An entry that is in the answer, and not yet given by the group. */
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
	struct blocked *blocked; /* of a command that has waited for entries, or NULL */
	uint64_t begin;          /* work.done when this turn began */
	enum stream_step step;   /* ENTRY or END: it goes on; COLD or ERROR: it cannot */
	struct xwork *work;      /* with the answer */
	struct xread_state *state;
	struct barrier *hold; /* what the answer waits for */
	uint64_t n_sent;      /* entries of the stream that was served last */
	struct xread_gift *gifts;
	size_t n_gifts, gifts_cap;
};

/* Whether the command ends with what it has: the answer is long, or took long. */
bool xread_is_enough(const struct xread *read);

/*
 * Serves the stream whose turn it is: entries are added to the answer, and given by the group. Returns STREAM_END if
 * that is done, and then it is the next one's turn; COLD or ERROR, and then xread_close() ends it as it is; or MORE:
 * the turn is over, and the work is kept.
 */
enum stream_step xread_serve(struct xread *read);
void xread_close(struct xread *read, struct stream *stream);
