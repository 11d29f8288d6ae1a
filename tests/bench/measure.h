/* One measurement: a server is started, given a work, and stopped; the figures go into the report. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "report.h"

struct measure {
	const char *udsctl;        /* NULL: what needs it is left out */
	unsigned int milliseconds; /* of a measurement */
	uint64_t lines;            /* through udsctl */
	unsigned int crowd_part;   /* of crowds only one client in so many is there */
	int server_cpu;            /* -1: any */
	bool busy;                 /* the generator has a CPU of its own, and never sleeps */
	struct report *report;
};

/* Does nothing where the server cannot do the work, or has done it in enough rounds. */
void measure(const struct measure *m, size_t work, size_t peer, unsigned int round, const char *program);
