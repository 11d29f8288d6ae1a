/*
 * Which entries were taken and are not known to be handled: a queue of marks, in the order of taking. A mark stands for
 * a run of entries of one stream.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "entry-id.h"
#include "protocol.h"

struct mark {
	struct slice stream; /* must outlive it */
	struct entry_id id;  /* of the last entry of the run */
	uint64_t count;      /* as in struct place */
};

struct marks {
	struct marks_item {
		struct mark mark;
		uint64_t begin, end; /* how much the sink had taken before and behind the run */
	} * items;                   /* [first, n) */
	size_t first, n, cap;
	uint64_t room; /* the most that the sink may take in a run of more than one entry */
	uint64_t end;  /* of the last run */
};

void marks_init(struct marks *m, uint64_t room);
void marks_deinit(struct marks *m);

/* An entry was taken; the sink has taken `end` by now. */
void marks_add(struct marks *m, uint64_t end, struct mark mark);

/* Removes the first mark, if the sink has handled so much. Returns whether it has. */
bool marks_pop(struct marks *m, uint64_t handled, struct mark *ret_mark);
