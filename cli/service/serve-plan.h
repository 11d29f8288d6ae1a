/* What udsctl serve is to do. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "options.h"

struct serve_options {
	struct options common;
	uint64_t jobs;
	bool lines;
};

/* What the options say, and the path of the command's program. */
struct server_plan {
	const struct serve_options *o;
	char *const *services;
	size_t n_services;
	char *const *argv;
	char *path;
	uint64_t jobs; /* that may run at once */
};
