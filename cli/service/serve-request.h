/* A request as the daemon hands it to a worker. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "protocol.h"

struct loop;
struct resp_node;
struct server_plan;
struct task;

/* The slices point into the reply. */
struct serve_request {
	uint64_t id;
	uint64_t left; /* ms until the deadline */
	struct slice service, payload;
	struct slice left_text, uid, pid; /* of the caller */
};

/* Returns false if the reply is something else. */
bool serve_request_read(const struct resp_node *node, struct serve_request *ret_request);

/* Starts the command for it. answer_max: as of task_start(). Returns 0 or -errno. */
int serve_request_start(const struct serve_request *request, const struct server_plan *plan, struct loop *loop,
                        size_t answer_max, struct task **ret_task);
