#include "samples.h"

#include <err.h>
#include <stdlib.h>

#define SAMPLES_MAX (1 << 20)

void
samples_init(struct samples *s)
{
	*s = (struct samples){ .ns = calloc(SAMPLES_MAX, sizeof(s->ns[0])) };
	if (!s->ns)
		errx(1, "no memory");
}

void
samples_deinit(struct samples *s)
{
	free(s->ns);
}

void
samples_add(struct samples *s, uint64_t ns)
{
	s->ns[s->count++ % SAMPLES_MAX] = ns < UINT32_MAX ? (uint32_t)ns : UINT32_MAX;
}

static size_t
samples_kept(const struct samples *s)
{
	return s->count < SAMPLES_MAX ? (size_t)s->count : SAMPLES_MAX;
}

static int
samples_compare(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

	return (x > y) - (x < y);
}

void
samples_sort(struct samples *s)
{
	qsort(s->ns, samples_kept(s), sizeof(s->ns[0]), samples_compare);
}

double
samples_percentile(const struct samples *s, double part)
{
	size_t n = samples_kept(s), i = (size_t)((double)n * part);

	return n > 0 ? s->ns[i < n ? i : n - 1] / 1000.0 : 0;
}
