/*
 * Blocks that are deleted, but still in the database: ranges of ids, each of one stream, which do not overlap. They are
 * deleted little by little. All is within a transaction that the caller begins and ends.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "database.h"
#include "storage-data.h"

/* Deletes the blocks first..last of the stream: at most *budget of them, which is lowered, at once; the rest is gone.
 */
int gone_delete(struct database *database, uint64_t stream, const uint8_t first[STORAGE_ID_SIZE],
                const uint8_t last[STORAGE_ID_SIZE], unsigned int *budget);

/* The block is to be written: it is gone no more. */
int gone_except(struct database *database, uint64_t stream, const uint8_t id[STORAGE_ID_SIZE]);

/* Whether the block is gone: 1 or 0. */
int gone_has(struct database *database, uint64_t stream, const uint8_t id[STORAGE_ID_SIZE]);

/* Deletes at most `budget` blocks that are gone. */
int gone_sweep(struct database *database, unsigned int budget);

/* Learns whether anything is gone: at the start, and when a transaction was rolled back. */
int gone_check(struct database *database);
