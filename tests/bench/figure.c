#include "figure.h"

#include <math.h>
#include <stdio.h>

const struct metric_info metric_table[METRIC_COUNT] = {
	[METRIC_CPU] = { "cpu_ns_per_operation", "ns" },
	[METRIC_RATE] = { "operations_per_second", "/s" },
	[METRIC_P50] = { "latency_p50_us", "us" },
	[METRIC_P99] = { "latency_p99_us", "us" },
	[METRIC_P999] = { "latency_p999_us", "us" },
	[METRIC_STRETCH] = { "time_of_ideal", "ratio" },
	[METRIC_BYTES] = { "bytes_each", "B" },
	[METRIC_DISK] = { "disk_bytes_each", "B" },
	[METRIC_START] = { "start_ms", "ms" },
	[METRIC_START_BYTES] = { "start_mib", "MiB" },
	[METRIC_SEND_CPU] = { "send_cpu_ns_per_line", "ns" },
	[METRIC_RECV_CPU] = { "recv_cpu_ns_per_line", "ns" },
};

const struct figure figure_table[] = {
	{ "publish-1", METRIC_CPU, "message to 1 receiver, 64 deep", 0.20, 3.0, .is_charted = true },
	{ "publish-10", METRIC_CPU, "message to 10 receivers, per receiver", 0.15, 2.5, .is_charted = true },
	{ "publish-100", METRIC_CPU, "message to 100 receivers, per receiver", 0.10, 1.4, .is_charted = true },
	{ "publish-1000", METRIC_CPU, "message to 1,000 receivers, per receiver", 0.10, 1.5, .is_charted = true },
	{ "publish-8x8", METRIC_CPU, "8 publishers, 8 channels, 1 receiver each", 0.22, 3.0 },
	{ "publish-1k", METRIC_CPU, "1 KiB to 1 receiver, 64 deep", 0.4, 2.0, .is_charted = true },
	{ "publish-64k", METRIC_CPU, "64 KiB to 1 receiver, 4 deep", 0.8, 1.15 },
	{ "among-patterns", METRIC_CPU, "message with 10,000 other patterns", 0.01 },
	{ "among-patterns", METRIC_CPU, "slowdown by these patterns", .goal = 1.2, .against = "publish-1" },
	{ "among-channels", METRIC_CPU, "message among 100,000 channels", 0 },
	{ "latency", METRIC_CPU, "message to 1 receiver, one at a time", 0, .is_charted = true },
	{ "latency", METRIC_P50, "latency to 1 receiver, p50", 1.0, 1.1 },
	{ "latency", METRIC_P99, "latency to 1 receiver, p99", 1.0, 1.1 },
	{ "latency", METRIC_P999, "latency to 1 receiver, p99.9", 0 },
	{ "ping", METRIC_CPU, "PING, 50 clients, 64 deep", 0.28, 1.5, .is_charted = true },
	{ "xadd", METRIC_CPU, "entry added to a stream, on disk, 64 deep", 0.30, 0, 400, .is_charted = true },
	{ "xadd-8", METRIC_CPU, "entry added to one of 8 streams, on disk", 0 },
	{ "xadd-16", METRIC_CPU, "entry added to 16 streams in turn, on disk", 0.30, 0, 500, .is_charted = true },
	{ "xadd-1000", METRIC_CPU, "entry added to 1,000 streams in turn", 1.0, .is_charted = true },
	{ "xadd-1k", METRIC_CPU, "entry of 1 KiB added, on disk", 1.0, .is_charted = true },
	{ "xadd-single", METRIC_CPU, "entry added, on disk, one at a time", 0, .is_charted = true },
	{ "xadd-single", METRIC_P50, "latency of that, p50", 0 },
	{ "group", METRIC_CPU, "entry got and acknowledged, by 100", 0, 0, 400, .is_charted = true },
	{ "tail-1", METRIC_CPU, "entry to 1 waiting reader", 0.5, .is_charted = true },
	{ "tail-1", METRIC_CPU, "that, of a message to as many", .goal = 2, .against = "publish-1" },
	{ "tail-10", METRIC_CPU, "entry to 10 waiting readers, per reader", 0.5, .is_charted = true },
	{ "tail-10", METRIC_CPU, "that, of a message to as many", .goal = 2, .against = "publish-10" },
	{ "tail-100", METRIC_CPU, "entry to 100 waiting readers, per reader", 0.5, .is_charted = true },
	{ "tail-100", METRIC_CPU, "that, of a message to as many", .goal = 2, .against = "publish-100" },
	{ "large", METRIC_CPU, "entry of 10 million read, by pages", 1.0, .is_charted = true },
	{ "ping-single", METRIC_CPU, "PING, 50 clients, one at a time", 0.85, 1.10, .is_charted = true },
	{ "call", METRIC_CPU, "request to a service and its answer", 1.0, .is_charted = true },
	{ "call", METRIC_CPU, "that, of a PING alone", .goal = 2.2, .against = "ping-alone" },
	{ "call", METRIC_P50, "latency of that, p50", 1.0 },
	{ "call", METRIC_P50, "that, of a PING alone", .goal = 2.3, .against = "ping-alone" },
	{ "call-64", METRIC_CPU, "request and answer, 64 deep", 0.5, 0, 700 },
	{ "call-16", METRIC_CPU, "that, 16 callers and 8 workers", 0, 0, 700 },
	{ "call-8", METRIC_STRETCH, "8 unequal workers, of the least time", 0, 0, 1.1 },
	{ "echo-64", METRIC_CPU, "echo of 64 bytes, 50 clients", 0, 1.05 },
	{ "echo-16k", METRIC_CPU, "echo of 16 KiB, 4 clients", 0, 1.05 },
	{ "visit", METRIC_CPU, "connect and leave beside 10,000 clients", 0 },
	{ "rejoin", METRIC_CPU, "1 of 1,000 receivers leaves and rejoins", 0 },
	{ "idle", METRIC_BYTES, "idle client", 0.05, 0, 450, .is_charted = true },
	{ "channel", METRIC_BYTES, "channel with 1 receiver", 0.1, .is_charted = true },
	{ "receiver", METRIC_BYTES, "further receiver of a channel", 0 },
	{ "pattern", METRIC_BYTES, "pattern with 1 receiver", 0 },
	{ "streams", METRIC_BYTES, "stream with 1 entry", 1.0, .is_charted = true },
	{ "pending", METRIC_BYTES, "entry delivered, not acknowledged", 0.5, 0, 64, .is_charted = true },
	{ "large", METRIC_BYTES, "entry of 10 million, in memory", 0.2, 0, 20, .is_charted = true },
	{ "large", METRIC_DISK, "entry of 10 million, on disk", 0, 0, 60 },
	{ "large", METRIC_START, "start with 10 million entries", 0, 0, 1000 },
	{ "start", METRIC_START, "start to first answer", 0, 0, 10 },
	{ "start", METRIC_START_BYTES, "memory after the start", 0, 0, 3 },
	{ "udsctl", METRIC_SEND_CPU, "udsctl send, per line", 0, 0, 150 },
	{ "udsctl", METRIC_RECV_CPU, "udsctl recv, per line", 0, 0, 150 },
	{ "udsctl", METRIC_CPU, "udsd between them, per line", 0, 0, 100 },
};
const size_t figure_count = sizeof(figure_table) / sizeof(figure_table[0]);

const char *
figure_unit(const struct figure *figure)
{
	return figure->against ? "ratio" : metric_table[figure->metric].unit;
}

const char *
figure_format(double value, char text[FIGURE_TEXT_SIZE])
{
	int decimals = value < 0.0995 ? 3 : value < 9.995 ? 2 : value < 99.95 ? 1 : 0;

	if (isfinite(value))
		snprintf(text, FIGURE_TEXT_SIZE, "%.*f", decimals, value);
	else
		snprintf(text, FIGURE_TEXT_SIZE, "-");
	return text;
}

const char *
figure_format_goal(double value, double goal, char text[FIGURE_TEXT_SIZE])
{
	text[0] = '\0';
	if (goal > 0 && isfinite(value))
		snprintf(text, FIGURE_TEXT_SIZE, "%s<=%g", value > goal ? "!" : "", goal);
	return text;
}
