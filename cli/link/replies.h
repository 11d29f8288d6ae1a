/*
 * The replies that are expected for commands under way, in order: reads them from the input and hands each to its
 * owner together with what was expected there. An array may have more elements than the parser takes in one reply;
 * where its elements are expected they come one by one.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "resp-reply.h"

#define REPLIES_EXPECTED_MAX 16

struct loop;

struct replies_expected {
	int what;         /* the owner's */
	uint64_t id;      /* likewise */
	uint64_t left;    /* so many replies (or elements, once the header of the array is read) are still to come */
	bool by_elements; /* the next reply is an array whose elements come one by one, or an error */
};

/*
 * Takes the first value of `reply`, whose bytes begin at p. expected: a copy of the entry that it belongs to, or NULL
 * where nothing was expected. Returns false where it makes no sense there.
 */
typedef bool replies_cb(void *arg, const struct resp_reply *reply, const uint8_t *p,
                        const struct replies_expected *expected);

struct replies {
	const struct loop *loop;
	replies_cb *cb;
	void *arg;
	size_t max_bulk; /* bytes of the longest string */
	struct resp_reply parser;
	struct replies_expected expected[REPLIES_EXPECTED_MAX]; /* the first n; [0] is next */
	size_t n;
};

void replies_init(struct replies *r, const struct loop *loop, size_t max_bulk, replies_cb *cb, void *arg);
void replies_deinit(struct replies *r);

/* Forgets what was expected. */
void replies_clear(struct replies *r);

/* Appends an entry; there must be room. */
void replies_expect(struct replies *r, struct replies_expected expected);

/*
 * Reads what is complete, until the loop is to end. Returns the bytes it took, or -1 where they are not what was
 * expected. *ret_need: as in struct conn_ops.
 */
ssize_t replies_read(struct replies *r, const uint8_t *p, size_t len, size_t *ret_need);
