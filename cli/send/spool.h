/*
 * A queue of messages in a file, which outlives the process: spool_add() and spool_write() put messages in,
 * spool_next() takes them out in order, spool_answered() says that the first ones are done with. What was
 * not answered when the process died is what the next one takes out first.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "protocol.h"
#include "spool-file.h"

struct spool;

struct spool_options {
	const char *path;
	const char *channel; /* of what is added; at most PROTOCOL_NAME_MAX bytes */
	uint64_t limit;      /* bytes on the disk; one write may go beyond it */
	bool sync;           /* fdatasync(2) after each write */
};

/* What spool_open() met. */
struct spool_report {
	pid_t pid;   /* SPOOL_E_LOCKED: who has it; 0: not known */
	uid_t uid;   /* SPOOL_E_OWNER: whose it is */
	mode_t mode; /* SPOOL_E_MODE */
	struct spool_found found;
};

/*
 * Opens or creates the file and locks it. Returns 0, -errno or SPOOL_E_*; *ret_report is set in any case.
 * The options' texts stay the caller's, and must outlive the spool.
 */
int spool_open(const struct spool_options *options, struct spool **ret_spool, struct spool_report *ret_report);

/* Marks what is answered, and closes. Takes NULL. */
void spool_close(struct spool *s);

/* Adds a message to the batch that spool_write() will write. */
void spool_add(struct spool *s, const struct slice *message);

/* Bytes of that batch. */
uint64_t spool_added(const struct spool *s);

/* Writes the batch. Returns 0 or -errno; then the batch is kept, and it may be tried again. */
int spool_write(struct spool *s);

/* The disk holds as much as it may: add no more. */
bool spool_is_full(const struct spool *s);

/* The next message that was written. Valid until the next call. Returns 1, 0 where there is none, or -errno. */
int spool_next(struct spool *s, struct slice *ret_channel, struct slice *ret_message);

/* The first n messages that are not answered yet, which spool_next() had given, are now. Returns 0 or -errno. */
int spool_answered(struct spool *s, uint64_t n);

/* Writes down what is answered, and gives room back to the disk. Returns 0 or -errno. */
int spool_mark(struct spool *s);

/* How many messages were written and are not answered. */
uint64_t spool_left(const struct spool *s);
