/* Latencies, and the percentiles of them. */
#pragma once

#include <stddef.h>
#include <stdint.h>

struct samples {
	uint32_t *ns;
	uint64_t count; /* of all that came; the last ones are kept */
};

void samples_init(struct samples *s);
void samples_deinit(struct samples *s);
void samples_add(struct samples *s, uint64_t ns);

/* Sorts, so that samples_percentile() can be asked; what is added later makes that wrong. */
void samples_sort(struct samples *s);

/* Returns the latency in microseconds that the given part, from 0 to 1, does not exceed. */
double samples_percentile(const struct samples *s, double part);
