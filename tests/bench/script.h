/*
 * A work in the protocol of one server. Every batch is the same, so the exact bytes of the replies are known. The
 * messages of a batch are numbered, so that a lost, repeated or misplaced one is noticed.
 */
#pragma once

#include <stdbool.h>

#include "protocol.h"
#include "work.h"

#define SCRIPT_CHANNELS_MAX 16

struct script {
	struct exchange hello; /* of every client; may be empty */
	struct exchange join;  /* of every receiver; may be empty */
	struct exchange batch; /* `depth` requests and all their answers */
	struct buf delivery;   /* the bytes that each receiver gets of a batch */
	const char *noise;     /* see struct protocol */
	bool counts_lines;     /* the bytes of answers are not known, only their lines, see struct protocol */
};

/* Writes the script for the work's channel of that number, from 0. script_deinit() releases it. */
void script_write(const struct work *work, const struct protocol *protocol, unsigned int number,
                  struct script *ret_script);
void script_deinit(struct script *script);

/* Appends the subscriptions of the client of that number in a crowd, and their answers, to x. */
void script_write_crowd(const struct crowd *crowd, const struct protocol *protocol, unsigned int client,
                        struct exchange *x);
