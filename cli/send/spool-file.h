/*
 * The file of a spool: its layout, and reading and writing its parts. Numbers are in the machine's byte order. The
 * model is at the head of spool.c.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/stat.h>
#include <sys/types.h>

#include "buf.h"
#include "siphash.h"

/* Where the batches begin: behind the head and its two marks. */
#define SPOOL_START UINT64_C(4096)

enum {
	SPOOL_E_FOREIGN = 1, /* not a spool */
	SPOOL_E_DAMAGED,     /* the head of the file, or a batch, is not what was written */
	SPOOL_E_END,         /* no batch begins there: the file ends before it, or within it */
	SPOOL_E_LOCKED,      /* another process has it */
	SPOOL_E_OWNER,       /* belongs to somebody else */
	SPOOL_E_MODE,        /* others may write to it */
};

/* How far the messages are answered. */
struct spool_mark {
	uint64_t turn;   /* of two marks the one with the higher turn counts */
	uint64_t offset; /* of the first batch that is not answered as a whole */
	uint64_t number; /* of the first message that is not answered */
	uint64_t sum;    /* of the above */
};

/* The most bytes that say how the messages of a batch are to be sent. */
#define SPOOL_WAY_MAX ((size_t)UINT16_MAX)

/*
 * The header of a batch. Behind it: the name of the channel, how to send its messages, then each message with its
 * length, a uint32_t, in front. A batch without messages takes the place of a damaged one; its bytes mean nothing.
 */
struct spool_batch {
	uint64_t sum;   /* of all that follows in the batch */
	uint64_t first; /* number of its first message; without messages: of the first one in the next batch */
	uint64_t size;  /* bytes behind the header */
	uint32_t count; /* messages */
	uint16_t channel_len;
	uint16_t way_len; /* 0 before this was possible: published */
};

/* Whether only its owner, who is the user of this process, can write to it. Returns 0, -errno or SPOOL_E_*. */
int spool_file_check_trust(int fd, struct stat *ret_st);

/* The sum for the batch at p, of `size` bytes with its header. */
uint64_t spool_file_batch_sum(const struct siphash_key *key, const void *p, uint64_t size);

/* Writes the head of a new file, with a random key; it and its name are on the disk then. Returns 0 or -errno. */
int spool_file_create(int fd, const char *path, struct siphash_key *ret_key);

/*
 * Reads the head and the newer mark. Where both marks are damaged, *ret_mark has turn 0 and nothing counts as
 * answered. Returns 0, -errno or SPOOL_E_*.
 */
int spool_file_open(int fd, struct siphash_key *ret_key, struct spool_mark *ret_mark);

/* Writes the mark; `durable`: it is on the disk on return. Sets its turn and sum. Returns 0 or -errno. */
int spool_file_mark(int fd, const struct siphash_key *key, struct spool_mark *mark, bool durable);

/* Writes `size` bytes at `offset`. Returns 0 or -errno. */
int spool_file_write(int fd, const void *p, uint64_t size, uint64_t offset);

/* Reads the header of a batch. Returns 0, -errno or SPOOL_E_END. */
int spool_file_header(int fd, uint64_t offset, struct spool_batch *ret_batch);

/*
 * Reads the batch at `offset` of a file of `file_size` bytes into *bytes, in place of what is there, and
 * checks it. Returns 0, -errno, SPOOL_E_END or SPOOL_E_DAMAGED.
 */
int spool_file_batch(int fd, const struct siphash_key *key, uint64_t offset, uint64_t file_size, struct buf *bytes,
                     struct spool_batch *ret_batch);
