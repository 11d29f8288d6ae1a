#include "room.h"

#include <stdio.h>
#include <sys/stat.h>
#include <sys/statvfs.h>

#include "human.h"

/* Free pages that are kept, so that the file does not shrink and grow all the time: so many, and a share of all. */
#define ROOM_SPARE_PAGES 256
#define ROOM_SPARE_SHARE 8

void
room_measure(struct room *room, struct database *database, const struct storefile *file)
{
	struct stat main, log;
	struct statvfs system;
	uint64_t pages, free_pages;

	if (database_number(database, DATABASE_PAGES, &pages) == 0 &&
	    database_number(database, DATABASE_FREE_PAGES, &free_pages) == 0) {
		room->pages = pages;
		room->free_pages = free_pages;
		database->has_spare = free_pages > ROOM_SPARE_PAGES + (pages - free_pages) / ROOM_SPARE_SHARE;
	}
	if (stat(file->path, &main) == 0)
		room->file_bytes = (uint64_t)main.st_size;
	if (stat(file->log_path, &log) == 0)
		room->file_bytes += (uint64_t)log.st_size;
	if (fstatvfs(file->directory_fd, &system) == 0)
		room->system_bytes = (uint64_t)system.f_bavail * system.f_frsize;
}

uint64_t
room_used_bytes(const struct room *room)
{
	return (room->pages - room->free_pages) * DATABASE_PAGE;
}

/* What changes take on disk, with room in pages that stays empty, the index and the log. */
#define ROOM_FACTOR 4
#define ROOM_MARGIN (UINT64_C(64) * 1024)

bool
room_is_close(const struct room *room, const struct storage_limits *limits, uint64_t bytes)
{
	uint64_t more = bytes * ROOM_FACTOR + ROOM_MARGIN;

	return (limits->max_bytes > 0 && room_used_bytes(room) + more >= limits->max_bytes) ||
	       room->system_bytes < limits->min_free + more;
}

enum storage_state
room_judge(const struct room *room, const struct storage_limits *limits, struct room_reason *ret_reason)
{
	const char *limit = NULL;
	uint64_t bytes = 0;

	if (limits->max_bytes > 0 && room_used_bytes(room) >= limits->max_bytes) {
		limit = "max_bytes";
		bytes = limits->max_bytes;
	} else if (room->system_bytes < limits->min_free) {
		limit = "min_free";
		bytes = limits->min_free;
	}
	if (!limit)
		return STORAGE_OK;
	snprintf(ret_reason->text, sizeof(ret_reason->text), "%s = %s", limit, human_exact_size(bytes).text);
	return STORAGE_SCARCE;
}
