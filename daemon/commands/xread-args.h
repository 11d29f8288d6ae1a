/* The arguments of XREAD and XREADGROUP. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "sessions.h"

struct xread_args {
	bool is_group; /* XREADGROUP */
	bool is_noack, has_block, has_claim;
	bool tells_deliveries; /* DELIVERIES: entries have the two more elements of CLAIM */
	uint64_t count;        /* UINT64_MAX: no limit */
	uint64_t block_ms;
	uint64_t claim_ms; /* CLAIM: the least idle time */
	struct slice group, consumer;
	size_t n;                        /* streams */
	const struct slice *names, *ids; /* n of each, among the arguments */
};

/* Returns false after an error reply. */
bool xread_args_parse(struct bus *bus, struct session *s, const struct slice *argv, size_t argc,
                      struct xread_args *ret_args);
