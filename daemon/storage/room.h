/* How much room the store takes, and whether it is scarce. */
#pragma once

#include "database.h"
#include "storage-data.h"
#include "storefile.h"

struct room {
	uint64_t pages, free_pages; /* of the database; those that are free are in it as well */
	uint64_t file_bytes;        /* of the database and its log */
	uint64_t system_bytes;      /* free in the file system */
};

/* What cannot be learned stays as it was. Also finds out whether the database has spare pages. */
void room_measure(struct room *room, struct database *database, const struct storefile *file);

uint64_t room_used_bytes(const struct room *room);

/* Whether it may be scarce after changes of so many bytes since it was measured. */
bool room_is_close(const struct room *room, const struct storage_limits *limits, uint64_t bytes);

struct room_reason {
	char text[64];
};

/* STORAGE_OK or STORAGE_SCARCE, and the limit that has been reached. */
enum storage_state room_judge(const struct room *room, const struct storage_limits *limits,
                              struct room_reason *ret_reason);
