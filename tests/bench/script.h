/*
 * What a work comes to in the words of one server. Every batch is the same, so that what comes back is
 * known to the byte; the messages in it are numbered, so that one which is lost, doubled or out of order
 * shows.
 */
#pragma once

#include "protocol.h"
#include "work.h"

#define SCRIPT_CHANNELS_MAX 8

struct script {
	struct exchange hello; /* of every client; empty: none */
	struct exchange join;  /* what makes it a receiver; empty: there are none */
	struct exchange batch; /* depth requests and all their answers */
	struct buf delivery;   /* a batch as each receiver gets it */
	const char *noise;     /* of the protocol */
};

/* Writes what happens on the work's channel of that number, from 0. script_deinit() releases it. */
void script_write(const struct work *work, const struct protocol *protocol, unsigned int number,
                  struct script *ret_script);
void script_deinit(struct script *script);

/* Writes what the client of that number in a crowd says after its hello; x is empty. */
void script_write_crowd(const struct crowd *crowd, const struct protocol *protocol, unsigned int client,
                        struct exchange *x);
