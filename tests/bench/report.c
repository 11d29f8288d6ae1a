#include "report.h"

#include <err.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "peer.h"
#include "work.h"

struct report {
	unsigned int rounds;
	unsigned int milliseconds;
	char (*versions)[128]; /* one for each row of peer_table; "": unknown */
	double *values;        /* by work, server, metric and round; NAN: not set */
};

struct report *
report_new(unsigned int rounds, unsigned int milliseconds)
{
	struct report *r = calloc(1, sizeof(*r));
	size_t n = work_count * peer_count * METRIC_COUNT * rounds;

	if (!r || !(r->versions = calloc(peer_count, sizeof(r->versions[0]))) ||
	    !(r->values = malloc(n * sizeof(r->values[0]))))
		errx(1, "no memory");
	r->rounds = rounds;
	r->milliseconds = milliseconds;
	for (size_t i = 0; i < n; i++)
		r->values[i] = NAN;
	return r;
}

void
report_free(struct report *r)
{
	if (!r)
		return;
	free(r->versions);
	free(r->values);
	free(r);
}

/* The values of all rounds. */
static double *
report_values(const struct report *r, size_t work, size_t peer, enum metric metric)
{
	return &r->values[((work * peer_count + peer) * METRIC_COUNT + metric) * r->rounds];
}

void
report_set(struct report *r, size_t work, size_t peer, unsigned int round, enum metric metric, double value)
{
	report_values(r, work, peer, metric)[round] = value;
}

void
report_set_version(struct report *r, size_t peer, const char *version)
{
	snprintf(r->versions[peer], sizeof(r->versions[peer]), "%s", version);
}

unsigned int
report_rounds(const struct report *r)
{
	return r->rounds;
}

unsigned int
report_milliseconds(const struct report *r)
{
	return r->milliseconds;
}

const char *
report_version(const struct report *r, size_t peer)
{
	return r->versions[peer];
}

static int
report_compare(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return isnan(x) || isnan(y) ? isnan(x) - isnan(y) : (x > y) - (x < y);
}

/* Sorts the values of all rounds, whose order does not matter, and returns how many are set. */
static unsigned int
report_sort(const struct report *r, double *v)
{
	unsigned int n = 0;

	qsort(v, r->rounds, sizeof(v[0]), report_compare);
	while (n < r->rounds && !isnan(v[n]))
		n++;
	return n;
}

double
report_median(const struct report *r, size_t work, size_t peer, enum metric metric)
{
	double *v = report_values(r, work, peer, metric);
	unsigned int n = report_sort(r, v);

	return n > 0 ? (v[(n - 1) / 2] + v[n / 2]) / 2 : NAN;
}

double
report_spread(const struct report *r, size_t work, size_t peer, enum metric metric)
{
	double *v = report_values(r, work, peer, metric);
	unsigned int n = report_sort(r, v);

	return n > 0 ? (v[n - 1] - v[0]) / 2 : NAN;
}

double
report_part(const struct report *r, size_t work, size_t peer, enum metric metric, size_t other)
{
	return report_median(r, work, peer, metric) / report_median(r, work, other, metric);
}

double
report_figure(const struct report *r, const struct figure *figure, size_t peer)
{
	double value = report_median(r, work_find(figure->work), peer, figure->metric);

	return figure->against ? value / report_median(r, work_find(figure->against), peer, figure->metric) : value;
}

double
report_figure_part(const struct report *r, const struct figure *figure, const char *peer)
{
	size_t work = work_find(figure->work);

	return figure->against ? NAN : report_part(r, work, peer_find("udsd"), figure->metric, peer_find(peer));
}
