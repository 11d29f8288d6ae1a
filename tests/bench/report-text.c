#include <math.h>

#include "peer.h"
#include "report.h"
#include "work.h"

#define NAME_WIDTH 42

static void
text_print_heading(FILE *f)
{
	fprintf(f, "%-*s %5s", NAME_WIDTH, "", "");
	for (size_t p = 0; p < peer_count; p++)
		fprintf(f, " %14s", peer_table[p].name);
	fprintf(f, "  %5s %8s  %7s %-7s %7s %-7s\n", "+-%", "goal", "/redis", "goal", "/floor", "goal");
}

static void
text_print_part(const struct report *r, const struct figure *figure, const char *peer, double goal, FILE *f)
{
	double part = report_figure_part(r, figure, peer);
	char value[FIGURE_TEXT_SIZE], text[FIGURE_TEXT_SIZE];

	fprintf(f, " %7s %-7s", figure_format(part, value), figure_format_goal(part, goal, text));
}

static void
text_print_figure(const struct report *r, const struct figure *figure, FILE *f)
{
	size_t work = work_find(figure->work), udsd = peer_find("udsd");
	double own = report_figure(r, figure, udsd);
	double spread =
	    100 * report_spread(r, work, udsd, figure->metric) / report_median(r, work, udsd, figure->metric);
	char text[FIGURE_TEXT_SIZE];

	fprintf(f, "%-*s %5s", NAME_WIDTH, figure->title, figure_unit(figure));
	for (size_t p = 0; p < peer_count; p++)
		fprintf(f, " %14s", figure_format(report_figure(r, figure, p), text));
	fprintf(f, "  %5s", isfinite(spread) ? figure_format(spread, text) : "");
	fprintf(f, " %8s ", figure_format_goal(own, figure->goal, text));
	text_print_part(r, figure, "redis", figure->of_redis, f);
	text_print_part(r, figure, "floor", figure->of_floor, f);
	fputc('\n', f);
}

static bool
text_was_measured(const struct report *r, const struct figure *figure)
{
	for (size_t p = 0; p < peer_count; p++)
		if (isfinite(report_figure(r, figure, p)))
			return true;
	return false;
}

static const enum metric rates[] = { METRIC_RATE, METRIC_CPU, METRIC_P50, METRIC_P99, METRIC_P999 };

static void
text_print_rates(const struct report *r, size_t work, size_t peer, FILE *f)
{
	char text[FIGURE_TEXT_SIZE];

	if (!isfinite(report_median(r, work, peer, METRIC_RATE)))
		return;
	fprintf(f, "%-16s %-12s", work_table[work].name, peer_table[peer].name);
	for (size_t i = 0; i < sizeof(rates) / sizeof(rates[0]); i++)
		fprintf(f, " %10s", figure_format(report_median(r, work, peer, rates[i]), text));
	fprintf(f, " %7.1f\n",
	        100 * report_spread(r, work, peer, METRIC_CPU) / report_median(r, work, peer, METRIC_CPU));
}

/* udsd's rates divided by another server's. */
static void
text_print_rates_part(const struct report *r, size_t work, const char *peer, FILE *f)
{
	size_t udsd = peer_find("udsd"), other = peer_find(peer);
	char text[FIGURE_TEXT_SIZE];

	if (!isfinite(report_part(r, work, udsd, METRIC_RATE, other)))
		return;
	fprintf(f, "%-16s udsd/%-7s", work_table[work].name, peer);
	for (size_t i = 0; i < sizeof(rates) / sizeof(rates[0]); i++)
		fprintf(f, " %10s", figure_format(report_part(r, work, udsd, rates[i], other), text));
	fputc('\n', f);
}

void
report_print(const struct report *r, FILE *f)
{
	text_print_heading(f);
	for (size_t i = 0; i < figure_count; i++)
		if (text_was_measured(r, &figure_table[i]))
			text_print_figure(r, &figure_table[i], f);
	fprintf(f, "\n%-16s %-12s %10s %10s %10s %10s %10s %7s\n", "work", "server", "op/s", "cpu ns/op", "p50 us",
	        "p99 us", "p99.9 us", "+-%");
	for (size_t w = 0; w < work_count; w++) {
		for (size_t p = 0; p < peer_count; p++)
			text_print_rates(r, w, p, f);
		text_print_rates_part(r, w, "redis", f);
		text_print_rates_part(r, w, "floor", f);
	}
}
