/* A line on the terminal about a long input: how much is done so far, twice a second. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct progress {
	bool on;
	uint64_t next; /* loop_now() when it is to be shown again */
};

/* On where stderr is a terminal and stdin is not. */
void progress_init(struct progress *p);

/* To be called often; writes when it is time. */
void progress_show(struct progress *p, uint64_t answered, uint64_t queued_bytes);

void progress_end(struct progress *p);
