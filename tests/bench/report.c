#include "report.h"

#include <err.h>
#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "peer.h"
#include "work.h"

struct report {
	unsigned int rounds;
	double *values; /* of all works, servers, metrics and rounds; NAN: not set */
};

static const struct {
	const char *title;
	int width;
	int decimals;
	const char *key; /* in JSON */
} columns[METRIC_COUNT] = {
	[METRIC_CPU] = { "cpu ns/op", 9, 1, "cpu_ns_per_operation" },
	[METRIC_MEMORY] = { "bytes/client", 12, 0, "bytes_per_client" },
	[METRIC_RATE] = { "op/s", 10, 0, "operations_per_second" },
	[METRIC_P50] = { "p50 us", 7, 1, "latency_p50_us" },
	[METRIC_P99] = { "p99 us", 7, 1, "latency_p99_us" },
};

struct report *
report_new(unsigned int rounds)
{
	struct report *r = malloc(sizeof(*r));
	size_t n = work_count * peer_count * METRIC_COUNT * rounds;

	if (!r || !(r->values = malloc(n * sizeof(r->values[0]))))
		err(1, "report");
	r->rounds = rounds;
	for (size_t i = 0; i < n; i++)
		r->values[i] = NAN;
	return r;
}

void
report_free(struct report *r)
{
	if (!r)
		return;
	free(r->values);
	free(r);
}

/* The values of all rounds. */
static double *
report_rounds(const struct report *r, size_t work, size_t peer, enum metric metric)
{
	return &r->values[((work * peer_count + peer) * METRIC_COUNT + metric) * r->rounds];
}

void
report_set(struct report *r, size_t work, size_t peer, unsigned int round, enum metric metric, double value)
{
	report_rounds(r, work, peer, metric)[round] = value;
}

static int
compare_values(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

/* Sorts the values; which round they are of is no longer needed. */
static double
report_median(const struct report *r, size_t work, size_t peer, enum metric metric)
{
	double *v = report_rounds(r, work, peer, metric);

	qsort(v, r->rounds, sizeof(v[0]), compare_values);
	return (v[(r->rounds - 1) / 2] + v[r->rounds / 2]) / 2;
}

/* What the work is about, and ratios compare. */
static enum metric
work_cost(size_t work)
{
	return work_table[work].kind == WORK_IDLE ? METRIC_MEMORY : METRIC_CPU;
}

/* The cost as a multiple of the named server's. */
static double
report_ratio(const struct report *r, size_t work, size_t peer, const char *name)
{
	size_t base = 0;

	while (base < peer_count - 1 && strcmp(peer_table[base].name, name) != 0)
		base++;
	return report_median(r, work, peer, work_cost(work)) / report_median(r, work, base, work_cost(work));
}

static void
print_number(FILE *f, int width, int decimals, double value)
{
	if (isfinite(value))
		fprintf(f, "  %*.*f", width, decimals, value);
	else
		fprintf(f, "  %*s", width, "-");
}

static void
report_print_row(const struct report *r, size_t work, size_t peer, FILE *f)
{
	double cost = report_median(r, work, peer, work_cost(work));
	const double *rounds = report_rounds(r, work, peer, work_cost(work));

	if (!isfinite(cost))
		return;
	fprintf(f, "%-14s  %-6s", work_table[work].name, peer_table[peer].name);
	for (enum metric m = 0; m < METRIC_COUNT; m++)
		print_number(f, columns[m].width, columns[m].decimals, report_median(r, work, peer, m));
	print_number(f, 6, 0, 100 * (rounds[r->rounds - 1] - rounds[0]) / cost);
	print_number(f, 7, 2, report_ratio(r, work, peer, "redis"));
	print_number(f, 7, 2, report_ratio(r, work, peer, "floor"));
	fputc('\n', f);
}

void
report_print(struct report *r, FILE *f)
{
	fprintf(f, "%-14s  %-6s", "work", "server");
	for (enum metric m = 0; m < METRIC_COUNT; m++)
		fprintf(f, "  %*s", columns[m].width, columns[m].title);
	fprintf(f, "  %6s  %7s  %7s\n", "+-%", "x redis", "x floor");
	for (size_t w = 0; w < work_count; w++)
		for (size_t p = 0; p < peer_count; p++)
			report_print_row(r, w, p, f);
}

void
report_print_json(struct report *r, FILE *f)
{
	bool first = true;
	double v;

	fprintf(f, "{\"rounds\":%u,\"results\":[", r->rounds);
	for (size_t w = 0; w < work_count; w++)
		for (size_t p = 0; p < peer_count; p++) {
			if (!isfinite(report_median(r, w, p, work_cost(w))))
				continue;
			fprintf(f, "%s\n{\"work\":\"%s\",\"server\":\"%s\"", first ? "" : ",", work_table[w].name,
			        peer_table[p].name);
			for (enum metric m = 0; m < METRIC_COUNT; m++)
				if (isfinite(v = report_median(r, w, p, m)))
					fprintf(f, ",\"%s\":%.3f", columns[m].key, v);
			fputc('}', f);
			first = false;
		}
	fprintf(f, "\n]}\n");
}
