/*
 * What a spool is about to take from its input. Between writing a batch and taking its lines out of the input both have
 * them: a process that dies there leaves a note in the file, by which the next one knows them again.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct siphash_key;

struct spool_intent {
	uint64_t first; /* number of the first message that is being taken */
	/* The input: the boot, device and inode, how far it was read (a file), and the bytes in it (a pipe). */
	uint64_t boot, device, inode, offset, present;
	uint64_t sum; /* of the above */
};

/* Describes the input; false where its lines cannot stay in it, so that there is no doubt. */
bool spool_intent_describe(int fd, struct spool_intent *ret_intent);

/* Whether `now`, the input of this process, may still have in front what was being taken. */
bool spool_intent_may_hold(const struct spool_intent *intent, const struct spool_intent *now);

/* Returns false if nothing was being taken. fd: of the spool. */
bool spool_intent_read(int fd, const struct siphash_key *key, struct spool_intent *ret_intent);

struct spool_taking {
	int input;       /* where messages come from; -1: they cannot stay there */
	bool intends;    /* an intent was written since something was taken */
	bool has_intent; /* the file has one, perhaps of an earlier process */
};

/*
 * spool_taking_begin() is called before the message with this number, and those behind it, are written, and
 * spool_taking_end() when all that were written are taken from the input. Failures do not matter: then lines may come
 * twice.
 */
void spool_taking_begin(struct spool_taking *t, int fd, const struct siphash_key *key, uint64_t number);
void spool_taking_end(struct spool_taking *t, int fd);
