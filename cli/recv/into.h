/*
 * The file of recv --into. What was written to it counts once into_sync() has put it on the disk and its length is
 * recorded together with the positions in the streams; when it is opened again, what stands behind the recorded length
 * is cut off, since those entries come again.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct into;

/* Which file it is, and how much of it counts. The number of an inode may come again; its time of birth does not. */
struct into_mark {
	bool given;
	uint64_t length, inode;
	int64_t born_s; /* 0 where the file system does not know it */
	uint32_t born_ns;
};

/*
 * Opens the file, cut to the length of the mark. If the file of the mark is another one, because it was renamed, it is
 * cut where it is found in the same directory. Returns 0, or an exit status after saying why. The path must outlive it.
 */
int into_open(const char *path, const struct into_mark *mark, struct into **ret_into);
void into_free(struct into *in);

/* Appends a copy of the bytes to what waits to be written. */
void into_append(struct into *in, const void *p, size_t len);

/* Bytes appended so far, and those of them that are on the disk. */
uint64_t into_appended(const struct into *in);
uint64_t into_synced(const struct into *in);

/* Writes what waits. Returns 0, or an exit status after saying why: then the file ends before it. */
int into_write(struct into *in);

/* Writes what waits and flushes the file. Returns 0 and the mark to be recorded, or an exit status after saying why. */
int into_sync(struct into *in, struct into_mark *ret_mark);

/* Whether the path leads to another file by now, or to none: then it has to be opened again, after into_sync(). */
bool into_is_renamed(const struct into *in);
