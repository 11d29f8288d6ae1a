/*
 * A place in a stream up to which entries were taken, and what the figures of the stream say about it: where reading
 * begins, and whether entries behind the place were removed before they could be read. Knows no connection.
 *
 * XINFO STREAM says how many entries were ever added and how many of them are left, so the number of the last one is
 * known, and that of the first one unless single entries were deleted behind it. From such a number on the reader
 * counts what it takes. Where it has taken all there is, or where its place is not in the stream any more, the numbers
 * must agree; else the difference is what was removed.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "entry-id.h"

struct resp_reply;

#define PLACE_COUNT_UNKNOWN UINT64_MAX

/* Where to begin. place_resolve() makes PLACE_BEHIND of the others. */
enum place_start {
	PLACE_BEHIND, /* behind `id` */
	PLACE_FIRST,  /* with the first entry that there is */
	PLACE_LAST,   /* with the last one */
	PLACE_NEW,    /* with the next one that is added */
	PLACE_TIME,   /* behind `id`, which comes from a time that has passed */
};

struct place {
	enum place_start start;
	bool is_entry;      /* id is that of an entry: it is said what is missing behind it */
	struct entry_id id; /* of the last entry taken */
	uint64_t count;     /* so many entries had been added up to that one; or PLACE_COUNT_UNKNOWN */
};

/* Zeroed: of a stream that does not exist. The IDs of entries are 0-0 where there is none. */
struct place_figures {
	uint64_t length, added;
	struct entry_id last;    /* of the last entry that was added */
	struct entry_id deleted; /* the greatest that was deleted, trimming aside */
	struct entry_id first_entry, last_entry;
};

/* Reads the answer to XINFO STREAM. Returns false where it is something else. */
bool place_read_figures(const struct resp_reply *reply, struct place_figures *ret_figures);

/* Reads first, last, new, an ID, a time in ms or one ago like -10m. Returns whether the text is one of these. */
bool place_parse(const char *text, struct place *ret_place);

/* Finds the place where to begin. */
void place_resolve(struct place *p, const struct place_figures *f);

/*
 * Returns how many entries behind the place were removed, as far as that is known now: they are counted as if they had
 * been taken. PLACE_COUNT_UNKNOWN: perhaps some.
 */
uint64_t place_check(struct place *p, const struct place_figures *f);

/* Whether the stream ends before the entry of the place. A place that comes from a time may lie in the future. */
bool place_is_beyond(const struct place *p, const struct place_figures *f);
