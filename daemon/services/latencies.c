#include "latencies.h"

/* Values below 8 have a class of their own. Above, the class is the position of the highest bit and the three below. */
static uint32_t
latencies_class(uint64_t us)
{
	uint32_t bit, class;

	if (us < 8)
		return (uint32_t)us;
	bit = 63 - (uint32_t)__builtin_clzll(us);
	class = (bit - 2) * 8 + (uint32_t)(us >> (bit - 3) & 7);
	return class < LATENCIES_CLASSES ? class : LATENCIES_CLASSES - 1;
}

/* The middle of a class. */
static uint64_t
latencies_value(uint32_t class)
{
	uint32_t shift;

	if (class < 8)
		return class;
	shift = class / 8 - 1;
	return ((uint64_t)(8 + class % 8) << shift) + ((UINT64_C(1) << shift) - 1) / 2;
}

void
latencies_add(struct latencies *latencies, uint64_t us)
{
	latencies->counts[latencies_class(us)]++;
	if (++latencies->n < UINT16_MAX)
		return;
	latencies->n = 0;
	for (uint32_t i = 0; i < LATENCIES_CLASSES; i++) {
		latencies->counts[i] /= 2;
		latencies->n += latencies->counts[i];
	}
}

uint64_t
latencies_quantile(const struct latencies *latencies, uint32_t per_mille)
{
	uint64_t wanted = ((uint64_t)latencies->n * per_mille + 999) / 1000, seen = 0;

	for (uint32_t i = 0; i < LATENCIES_CLASSES; i++) {
		seen += latencies->counts[i];
		if (seen >= wanted && seen > 0)
			return latencies_value(i);
	}
	return 0;
}
