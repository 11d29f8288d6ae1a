/* One request of udsctl call, until it has its answer. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/queue.h>

#include "options.h"
#include "protocol.h"

struct sendq;

struct call_options {
	struct options common;
	uint64_t wait, retries, parallel; /* parallel 0: not given */
	bool lines, raw;
};

struct call {
	STAILQ_ENTRY(call) link; /* the owner's, like the flags */
	uint64_t number;         /* from 1 on */
	uint64_t began_ns;       /* loop_now_ns() */
	uint64_t end;            /* loop_now() at the deadline; UINT64_MAX: none but the daemon's */
	uint64_t retries;        /* that are left */
	bool is_refused;         /* too large, so it is not sent */
	size_t len;
	uint8_t payload[];
};

/* Begins now. The caller frees it. */
struct call *call_new(const struct call_options *o, uint64_t number, struct slice payload);

/* Queues its command for a connection. wait: ms until which a worker has to have come. */
void call_queue(const struct call *call, const struct call_options *o, uint64_t wait, struct sendq *queue);
