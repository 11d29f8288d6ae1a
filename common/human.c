#include "human.h"

#include <inttypes.h>
#include <stdio.h>

/* value: more than `step`. units: a letter for each division by `step`. decimals: -1: one if it is below 10, else none.
 */
static struct human_text
human_scale(double value, double step, double limit, const char *units, int decimals)
{
	struct human_text t;

	for (value /= step; value >= limit && units[1]; units++)
		value /= step;
	snprintf(t.text, sizeof(t.text), "%.*f%c", decimals >= 0 ? decimals : value < 9.95, value, *units);
	return t;
}

struct human_text
human_size(uint64_t bytes)
{
	struct human_text t;

	if (bytes >= 1024)
		return human_scale((double)bytes, 1024, 999.5, "KMGTPE", -1);
	snprintf(t.text, sizeof(t.text), "%" PRIu64, bytes);
	return t;
}

struct human_text
human_size_fixed(uint64_t bytes)
{
	struct human_text t;

	if (bytes >= 1024)
		return human_scale((double)bytes, 1024, 1024, "KMGT", 2);
	snprintf(t.text, sizeof(t.text), "%" PRIu64 "B", bytes);
	return t;
}

struct human_text
human_count(double value)
{
	double fraction = value - (double)(uint64_t)value;
	struct human_text t;

	if (value >= 999.5)
		return human_scale(value, 1000, 999.5, "kMGTPE", -1);
	snprintf(t.text, sizeof(t.text), "%.*f", fraction >= 0.05 && value < 99.5, value);
	return t;
}

struct human_text
human_rate(double rate)
{
	struct human_text t;

	snprintf(t.text, sizeof(t.text), "%.*f", rate == 0 || rate >= 100 ? 0 : rate < 10 ? 2 : 1, rate);
	return t;
}

struct human_text
human_age(uint64_t seconds)
{
	static const struct {
		uint64_t seconds;
		char letter;
	} units[] = { { 24 * 3600, 'd' }, { 3600, 'h' }, { 60, 'm' }, { 1, 's' } };
	struct human_text t;
	size_t i = 0;

	while (i < 3 && seconds < units[i].seconds)
		i++;
	if (i == 3)
		snprintf(t.text, sizeof(t.text), "%" PRIu64 "s", seconds);
	else
		snprintf(t.text, sizeof(t.text), "%" PRIu64 "%c%" PRIu64 "%c", seconds / units[i].seconds,
		         units[i].letter, seconds % units[i].seconds / units[i + 1].seconds, units[i + 1].letter);
	return t;
}

struct human_text
human_microseconds(uint64_t us)
{
	static const char *const units[] = { "us", "ms", "s" };
	struct human_text t;
	double value = (double)us;
	size_t i = 0;

	while (i < 2 && value >= 999.5) {
		value /= 1000;
		i++;
	}
	snprintf(t.text, sizeof(t.text), "%.*f%s", i > 0 && value < 9.95 ? 1 : 0, value, units[i]);
	return t;
}

struct human_text
human_exact_size(uint64_t bytes)
{
	static const char units[] = "KMG";
	struct human_text t;
	int unit = -1;

	for (; unit < 2 && bytes > 0 && bytes % 1024 == 0; unit++)
		bytes /= 1024;
	snprintf(t.text, sizeof(t.text), "%" PRIu64 "%.*s", bytes, unit >= 0, unit >= 0 ? units + unit : "");
	return t;
}

struct human_text
human_exact_duration(uint64_t ms)
{
	struct human_text t;

	if (ms % 1000 == 0)
		snprintf(t.text, sizeof(t.text), "%" PRIu64 "%s", ms / 1000, ms > 0 ? "s" : "");
	else
		snprintf(t.text, sizeof(t.text), "%" PRIu64 "ms", ms);
	return t;
}

const char *
human_s(uint64_t n)
{
	return n == 1 ? "" : "s";
}
