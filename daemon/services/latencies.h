/*
 * How long requests took, as a histogram: eight classes for each doubling, so a figure is exact to a sixteenth. It
 * tells of the last some ten thousand requests: when it is full, all classes are halved.
 */
#pragma once

#include <stdint.h>

#define LATENCIES_CLASSES 256

struct latencies {
	uint32_t n;
	uint16_t counts[LATENCIES_CLASSES];
};

/* us: in microseconds; what is longer than 4.5 hours counts as that. */
void latencies_add(struct latencies *latencies, uint64_t us);

/* How long the given share of the requests took at most, in microseconds; 0 if there were none. per_mille: 1 to 1000.
 */
uint64_t latencies_quantile(const struct latencies *latencies, uint32_t per_mille);
