/*
 * Who does the requests of udsctl serve: a command for each (commands.c), or processes that answer lines (processes.c).
 * Knows no connection.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "protocol.h"

struct loop;
struct serve_request;
struct server_plan;
struct staff;

struct staff_ops {
	/* A request has its answer, or the reason why it failed. */
	void (*done)(void *arg, uint64_t id, bool is_answer, struct slice text);
	/* There may be room, or nothing may run any more. */
	void (*changed)(void *arg);
	/* The command cannot be run, for this errno, and will not be: the callee calls finish(). */
	void (*failed)(void *arg, int error);
};

struct staff_kind {
	/* The plan and the ops must outlive it. Calls back only from the loop, or from take(). */
	struct staff *(*new)(struct loop *loop, const struct server_plan *plan, const struct staff_ops *ops, void *arg);

	/* Kills what runs. */
	void (*free)(struct staff *staff);

	/* How many more requests it can do now. */
	uint64_t (*room)(struct staff *staff);

	/* Does a request; there were asked for as many as there was room, which may be less now. answer_max: bytes. */
	void (*take)(struct staff *staff, const struct serve_request *request, size_t answer_max);

	/* The connection is lost: nobody wants to know what becomes of the requests until now. */
	void (*forget)(struct staff *staff);

	/* No request comes any more: what runs ends. Nothing may run already. */
	void (*finish)(struct staff *staff);

	/* Sends SIGTERM to all that runs. */
	void (*stop)(struct staff *staff);

	/* Whether requests are being done; and, after finish(), whether a process runs. */
	bool (*is_busy)(const struct staff *staff);
};

extern const struct staff_kind staff_commands, staff_processes;
