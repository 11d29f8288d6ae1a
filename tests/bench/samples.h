/* Latencies and their percentiles. */
#pragma once

#include <stddef.h>
#include <stdint.h>

struct samples {
	uint32_t *ns;
	uint64_t count; /* of all samples; only the last ones are kept */
};

void samples_init(struct samples *s);
void samples_deinit(struct samples *s);
void samples_add(struct samples *s, uint64_t ns);

/* Sorts the samples; call before samples_percentile(), and again after adding more. */
void samples_sort(struct samples *s);

/* Returns the latency in microseconds that a part of the samples, from 0 to 1, does not exceed. */
double samples_percentile(const struct samples *s, double part);
