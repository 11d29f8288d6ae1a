/* A request as the daemon hands it to a worker. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "protocol.h"

struct resp_node;

/* The slices point into the reply. */
struct serve_request {
	uint64_t id;
	uint64_t left; /* ms until the deadline */
	struct slice service, payload;
	struct slice left_text, uid, pid; /* of the caller */
};

/* Returns false if the reply is something else. */
bool serve_request_read(const struct resp_node *node, struct serve_request *ret_request);
