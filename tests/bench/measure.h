/* One measurement: starts a server, gives it a work, stops it, and puts the metrics into the report. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "report.h"

struct measure {
	const char *udsctl;        /* NULL: works that need it are left out */
	unsigned int milliseconds; /* duration of a measurement */
	uint64_t lines;            /* number of lines through udsctl */
	unsigned int crowd_part;   /* divisor of the number of clients in a crowd */
	int server_cpu;            /* -1: any */
	bool busy;                 /* the generator has a CPU of its own and never sleeps */
	struct report *report;
};

/* No-op if the server cannot do the work, or has done it in enough rounds. */
void measure(const struct measure *m, size_t work, size_t peer, unsigned int round, const char *program);
