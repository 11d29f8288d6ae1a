/* What a worker does, from its command line. */
#pragma once

#include "options.h"

struct work_options {
	struct options common;
	const char *group, *dead_letter;
	const char *retries, *backoff; /* as they were given, or NULL */
	uint64_t jobs;                 /* 0: not given */
	uint64_t job_timeout;          /* ms; 0: none */
	uint64_t count;                /* 0: no limit */
	struct option_rate rate;
	bool print, null, raw, drain;
};

#define PLAN_GROUP "work"

struct plan {
	const struct work_options *o;
	const char *group;
	char consumer[160]; /* HOST:PID:NUMBER, the name of this worker in its groups */
	char *const *streams;
	size_t n_streams;
	char *const *argv; /* of the command; NULL with --print */
	char *path;        /* of its program; for the caller to find, and to free */
	uint64_t jobs;     /* that may run at once */
	bool clean;        /* jobs are printed on a terminal: control characters are replaced */
	/* Values for the groups, as texts; those that were not given stand in for what the groups do not have. */
	char max_deliveries[24], retry_delay[512];
};

/* Returns 0, or EX_USAGE after reporting a mistake. The options must outlive the plan. */
int plan_init(struct plan *plan, const struct work_options *o);

/* Says that the command cannot be run, with this errno, and returns the exit status, which is that of a shell. */
int plan_report_command(const struct plan *plan, int error);
