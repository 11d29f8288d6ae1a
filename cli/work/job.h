/* An entry that this worker was given: what its command gets, and how far it is. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/queue.h>
#include <sys/types.h>

#include "command.h"
#include "entry-id.h"
#include "last-words.h"
#include "protocol.h"

struct plan;
struct resp_node;

#define JOB_ID_MAX ENTRY_ID_TEXT
/* The daemon keeps 256 bytes of a reason. */
#define JOB_COMPLAINT_MAX ((size_t)200)

struct job {
	TAILQ_ENTRY(job) link;
	size_t stream; /* of the plan */
	char id[JOB_ID_MAX];
	uint64_t attempt;    /* from 1 on; 0: not known */
	uint64_t held_at;    /* loop_now() before the daemon gave or confirmed it */
	uint64_t since;      /* loop_now_ns() when it came, or its command started */
	uint64_t printed_to; /* --print: the last byte of output that belongs to it */
	pid_t pid;           /* of the command; 0: not started */
	bool is_lost;        /* another worker has it, too */
	bool is_timed_out, is_stopped;
	struct last_words *words;              /* standard error of its command; NULL: that of udsctl */
	char complaint[JOB_COMPLAINT_MAX + 1]; /* its last line, once the command has ended; or "" */
	struct slice input;
	struct command_variable *variables; /* n of them */
	size_t n;
};

TAILQ_HEAD(job_list, job);

/* entry: of an XREADGROUP with DELIVERIES. Returns NULL where it is something else. */
struct job *job_new(const struct plan *plan, size_t stream, const struct resp_node *entry);

/* Takes NULL. */
void job_free(struct job *job);

struct job *job_find(const struct job_list *list, size_t stream, const char *id);
