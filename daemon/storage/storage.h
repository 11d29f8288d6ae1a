/*
 * The store on disk: records and blocks of bytes under keys, in one SQLite database. A thread of its own makes batches
 * of changes durable, one flush for each, and fetches blocks; of these functions only storage_open(), storage_load()
 * and storage_close() block. The store knows nothing of what the bytes mean, but keeps a checksum of each value with
 * its key, so that damage is found.
 *
 * The caller collects changes in the open batch, hands it over with storage_commit(), and fills the next one meanwhile.
 * Batches become durable in order, each as a whole or not at all. What is done comes back by storage_collect().
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "storage-data.h"

struct storage;

/*
 * Opens the store in the directory, which is made if it is missing; makes a database, or recovers one. Next comes
 * storage_load(). Fails if another process has it open, or if its format is unknown. limits are copied. Returns 0; or
 * -errno and a sentence in error[].
 */
int storage_open(const char *directory, const struct storage_limits *limits, struct storage **ret, char *error,
                 size_t error_size);

/*
 * Makes durable what was handed over and what is in the open batch, unless storage_load() has not been called or the
 * store has failed; ends the thread and closes the database. Fetches, a backup and events that were not collected are
 * dropped. Takes NULL. Returns 0; or -errno if changes are lost: a full disk is tried once more, not waited for.
 */
int storage_close(struct storage *storage);

/* Other limits hold from now on. A commit that waits, for its time or for a full disk, is tried at once. */
void storage_set_limits(struct storage *storage, const struct storage_limits *limits);

/*
 * Reads all records, by table, owner and key, and then the index of all blocks, by stream and id. Starts
 * the thread. Call it once, before everything that follows. Returns 0; or -errno and a sentence in error[], and then
 * only storage_close() may follow.
 */
int storage_load(struct storage *storage, const struct storage_loader *loader, char *error, size_t error_size);

/*
 * Changes in the open batch, applied in order. Bytes are copied. Owners and streams are less than 2^63; a key and its
 * value take less than 512 MiB. A block of up to 4000 bytes fits one page of the database, and so does a record of up
 * to 900 bytes. Each returns 0; or -ENOMEM, and then the batch is as it was before.
 */
int storage_put(struct storage *storage, enum storage_table table, uint64_t owner, struct slice key,
                struct slice value);
int storage_delete(struct storage *storage, enum storage_table table, uint64_t owner, struct slice key);
/* Those of the owner whose keys are from..to, both included. */
int storage_delete_range(struct storage *storage, enum storage_table table, uint64_t owner, struct slice from,
                         struct slice to);
/* All records of the owner. */
int storage_delete_owner(struct storage *storage, enum storage_table table, uint64_t owner);
/* Writes or replaces a block. */
int storage_put_block(struct storage *storage, uint64_t stream, const uint8_t id[STORAGE_ID_SIZE], uint32_t n,
                      struct slice value);
/*
 * All blocks from..to of the stream, both included. Many are deleted little by little after the commit, by later
 * commits and starts, too; a block in the range that is put later stays.
 */
int storage_delete_blocks(struct storage *storage, uint64_t stream, const uint8_t from[STORAGE_ID_SIZE],
                          const uint8_t to[STORAGE_ID_SIZE]);
/* Forgets the changes in the open batch. */
void storage_drop_batch(struct storage *storage);
size_t storage_batch_bytes(const struct storage *storage);

/* Hands the open batch over. Must not be called while storage_is_committing(), nor after a failure. */
void storage_commit(struct storage *storage);
bool storage_is_committing(const struct storage *storage);

/*
 * Asks for the bytes of a block, as of the last batch that has been handed over, or of a later one. Any number may be
 * asked for; the answers come in that order, as events with this arg. Goes on while a commit waits for a full disk.
 * Returns 0; -ENOMEM; or -EIO after a failure.
 */
int storage_fetch(struct storage *storage, uint64_t stream, const uint8_t id[STORAGE_ID_SIZE], void *arg);

/*
 * Begins a copy of the whole store, as of some commit, at `path`, which must not exist; it is there when it is whole
 * and on disk, and until then, PATH.part is. forgotten: an older copy, which is removed before, or NULL. Ends with
 * STORAGE_BACKED_UP. Returns 0; -EBUSY if a copy is being made; -ENOMEM; or -EIO after a failure.
 */
int storage_backup(struct storage *storage, const char *path, const char *forgotten);

enum storage_event_kind {
	STORAGE_NOTHING,
	STORAGE_COMMITTED,
	STORAGE_FETCHED,
	STORAGE_BACKED_UP,
	STORAGE_FAILED, /* for good, see STORAGE_DEAD; comes once, and no other event after it */
};

struct storage_event {
	enum storage_event_kind kind;
	int error;     /* FETCHED: 0, -ENOENT, -EBADMSG if it is damaged, or -errno; BACKED_UP: 0 or -errno */
	void *arg;     /* FETCHED: as given */
	uint8_t *data; /* FETCHED without error: the block, which the caller frees with free() */
	size_t len;
};

/* Readable until storage_collect() has returned STORAGE_NOTHING; nothing else may be done with it. */
int storage_fd(const struct storage *storage);

/* Returns the next event, or STORAGE_NOTHING. Never blocks. */
enum storage_event_kind storage_collect(struct storage *storage, struct storage_event *ret_event);

enum storage_state storage_state(const struct storage *storage);

/* Why the state is not OK, for an error reply, such as "No space left on device" or "max_bytes = 1G"; or "". Valid
 * until the next call. */
const char *storage_reason(struct storage *storage);

/* Of the last commit; room and CPU time are measured within 20 ms after it. */
void storage_get_figures(struct storage *storage, struct storage_figures *ret_figures);
