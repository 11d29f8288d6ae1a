/* Finds the messages in the file of a spool, and mends what a crash or damage has left. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "buf.h"

struct siphash_key;
struct spool_mark;

struct spool_found {
	uint64_t end;     /* of the last batch */
	uint64_t number;  /* that the next message gets */
	uint64_t left;    /* messages that are not answered */
	uint64_t lost;    /* messages in damaged batches */
	uint64_t cut;     /* bytes cut off at the end */
	bool torn;        /* they are the beginning of a batch that was never written to its end */
	struct buf doubt; /* the messages from `doubtful` on, each with its length, a uint32_t, in front */
};

/*
 * Reads all batches that are not answered. A damaged batch is replaced by an empty one; what is no batch at the end is
 * cut off. *mark is set to where to begin. doubtful: number of a message, the first in its batch; or UINT64_MAX.
 * Returns 0 or -errno.
 */
int spool_check(int fd, const struct siphash_key *key, uint64_t doubtful, struct spool_mark *mark,
                struct spool_found *ret_found);
