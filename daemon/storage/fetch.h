/* Blocks that are asked for, and the answers. */
#pragma once

#include <stddef.h>
#include <stdint.h>
#include <sys/queue.h>

#include "changes.h"
#include "database.h"
#include "storage-data.h"

struct fetch {
	STAILQ_ENTRY(fetch) link;
	uint64_t stream;
	uint8_t id[STORAGE_ID_SIZE];
	uint64_t batch; /* the last one that had been handed over */
	void *arg;
	int error; /* 0 or -errno */
	uint8_t *data;
	size_t len;
};

STAILQ_HEAD(fetch_list, fetch);

/* Reads the block: from the batch, if it is one that is not durable yet, or else NULL, and from the database. */
void fetch_run(struct fetch *fetch, struct database *database, const struct changes *batch);

/* Frees all, with their data. */
void fetch_drop_all(struct fetch_list *list);
