/*
 * A queue of messages in a file, which outlives the process: spool_add() and spool_write() put messages in,
 * spool_next() takes them out in order, spool_answered() forgets the first ones. What is not answered when the process
 * dies comes out first in the next one.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "protocol.h"
#include "spool-batch.h"
#include "spool-check.h"
#include "spool-file.h"
#include "spool-intent.h"

struct spool;

struct spool_options {
	const char *path;
	const char *channel; /* of what is added; at most PROTOCOL_NAME_MAX bytes */
	uint64_t limit;      /* bytes on the disk; the last write may exceed it */
	bool sync;           /* fdatasync(2) after each write */
};

/* What spool_open() has found. */
struct spool_report {
	pid_t pid;                  /* SPOOL_E_LOCKED: of the process that has it; 0: not known */
	uid_t uid;                  /* SPOOL_E_OWNER: of the owner */
	mode_t mode;                /* SPOOL_E_MODE */
	struct spool_found found;   /* the caller frees found.doubt */
	struct spool_intent intent; /* where there is found.doubt: what is in doubt */
};

/*
 * Opens or creates the file and locks it. Returns 0, -errno or SPOOL_E_*; *ret_report is set in any case.
 * The options' texts stay the caller's, and must outlive the spool.
 */
int spool_open(const struct spool_options *options, struct spool **ret_spool, struct spool_report *ret_report);

/* Writes the mark and closes. Takes NULL. */
void spool_close(struct spool *s);

/* How to send the messages of the next batch; while none is being filled. At most SPOOL_WAY_MAX bytes, copied. */
void spool_set_way(struct spool *s, struct slice way);

/* A random number that is the file's own as long as it lives. */
uint64_t spool_identity(const struct spool *s);

/* The number that the next message gets. */
uint64_t spool_number(const struct spool *s);

/* From now on messages come from this input, where they still are until the next spool_taken(); -1: they do not. */
void spool_set_input(struct spool *s, int fd);
void spool_taken(struct spool *s);

/* Adds a message to the batch that spool_write() will write. */
void spool_add(struct spool *s, const struct slice *message);

/* Bytes of that batch. */
uint64_t spool_added(const struct spool *s);

/*
 * Writes the batch. Returns 0, or -errno: then the messages stay in it for which there was no room, spool_left() counts
 * the others, and the call can be repeated.
 */
int spool_write(struct spool *s);

/* Whether the limit is reached: then add nothing more. */
bool spool_is_full(const struct spool *s);

/* The next message that was written. Valid until the next call. Returns 1, 0 where there is none, or -errno. */
int spool_next(struct spool *s, struct spool_message *ret_message);

/* The next n messages of those that spool_next() gave are answered. Returns 0 or -errno. */
int spool_answered(struct spool *s, uint64_t n);

/* Writes to the file what is answered, and frees room on the disk. Returns 0 or -errno. */
int spool_mark(struct spool *s);

/* The number of messages that were written and are not answered. */
uint64_t spool_left(const struct spool *s);
