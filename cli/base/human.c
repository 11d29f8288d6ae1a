#include "human.h"

#include <inttypes.h>
#include <stdio.h>

struct human_text
human_size(uint64_t bytes)
{
	static const char units[] = "KMGTPE";
	double size = (double)bytes / 1024;
	struct human_text t;
	int i = 0;

	if (bytes < 1024) {
		snprintf(t.text, sizeof(t.text), "%" PRIu64, bytes);
		return t;
	}
	for (; size >= 999.5 && units[i + 1]; i++)
		size /= 1024;
	snprintf(t.text, sizeof(t.text), size < 9.95 ? "%.1f%c" : "%.0f%c", size, units[i]);
	return t;
}

struct human_text
human_age(uint64_t seconds)
{
	uint64_t minutes = seconds / 60, hours = minutes / 60, days = hours / 24;
	struct human_text t;

	if (days > 0)
		snprintf(t.text, sizeof(t.text), "%" PRIu64 "d%" PRIu64 "h", days, hours % 24);
	else if (hours > 0)
		snprintf(t.text, sizeof(t.text), "%" PRIu64 "h%" PRIu64 "m", hours, minutes % 60);
	else if (minutes > 0)
		snprintf(t.text, sizeof(t.text), "%" PRIu64 "m%" PRIu64 "s", minutes, seconds % 60);
	else
		snprintf(t.text, sizeof(t.text), "%" PRIu64 "s", seconds);
	return t;
}

struct human_text
human_rate(double rate)
{
	struct human_text t;

	if (rate == 0)
		snprintf(t.text, sizeof(t.text), "0");
	else
		snprintf(t.text, sizeof(t.text), "%.*f", rate < 10 ? 2 : rate < 100 ? 1 : 0, rate);
	return t;
}
