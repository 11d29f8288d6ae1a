/* Tails (stream-tails.h), as they are read at the start: they are kept until all blocks are known, and then added. */
#pragma once

#include <stdbool.h>

#include "streams-data.h"

struct tails_record;
STAILQ_HEAD(tails_records, tails_record);

struct tails_load {
	struct streams *streams;
	/* Finds a stream by its number, for each tail; or returns NULL. */
	struct stream *(*find)(void *arg, uint64_t no);
	void *arg;
	struct tails_records records;
};

void tails_load_init(struct tails_load *load);

/* Frees what is left; without it, what was not added is on disk still. */
void tails_load_deinit(struct tails_load *load);

/* There is a chapter, whose records may be damaged; they come in order. So those that go on writing do not take it. */
void tails_load_note(struct tails_load *load, uint64_t chapter);

/* A record of the store. Returns 0; -EBADMSG; or -ENOMEM. */
int tails_load_record(struct tails_load *load, uint64_t chapter, struct slice key, struct slice value);

/* Adds all to their streams. Returns 0; -EBADMSG if some are damaged, which are left out; or -ENOMEM. */
int tails_load_add(struct tails_load *load);
