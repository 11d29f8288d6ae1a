/*
 * The functions of storage.h on memory, for tests of what stands on it: a program that links memory-store.c gets these
 * instead of the real ones. What was stored outlives storage_close(), so a test can open it again; and it decides when
 * a commit is done, and what fails.
 */
#pragma once

#include "storage.h"

struct memory_disk;

struct memory_disk *memory_disk_new(void);
void memory_disk_free(struct memory_disk *disk);

/* Opens it; storage_close() must have been called before. What is not committed then is not on the disk. */
struct storage *memory_store_open(struct memory_disk *disk);

/* Whether a commit is done by storage_collect() without memory_store_finish(). On at first. */
void memory_store_set_auto(struct storage *storage, bool is_auto);
/* The commit under way is done. */
void memory_store_finish(struct storage *storage);
/* From now on nothing is stored: the commit under way fails for good. */
void memory_store_fail(struct storage *storage);
/* The change after so many more has no memory; -1: all have. */
void memory_store_set_memory(struct storage *storage, int changes);
void memory_store_set_state(struct storage *storage, enum storage_state state, const char *reason);

/* What is on the disk. */
size_t memory_disk_blocks(const struct memory_disk *disk);
size_t memory_disk_records(const struct memory_disk *disk, enum storage_table table);
/* Changes one byte of the n-th block. */
void memory_disk_damage(struct memory_disk *disk, size_t n, size_t byte);
/* Fetches answered since it was opened. */
size_t memory_store_fetches(const struct storage *storage);
