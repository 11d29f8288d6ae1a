/* Runs a command that has passed all checks, counts it and shows it to monitors. */
#pragma once

#include "monitor.h"
#include "sessions.h"

/* One call in this many is timed: reading the clock costs as much as a small command. */
#define EXECUTE_TIMED_ONE_IN 128

/* Runs the handler and adds its time to stats. */
enum command_result __attribute__((noinline))
execute_timed(struct bus *bus, struct session *s, const struct command *row, struct command_stats *stats,
              const struct slice *argv, size_t argc);

static inline enum command_result
execute(struct bus *bus, struct session *s, const struct command *row, struct command_stats *stats,
        const struct slice *argv, size_t argc)
{
	uint64_t errors = bus->flow.stats.errors;
	enum command_result result;

	if (stats->calls % EXECUTE_TIMED_ONE_IN == 0)
		result = execute_timed(bus, s, row, stats, argv, argc);
	else
		result = row->run(bus, s, argv, argc);
	if (result != COMMAND_DONE)
		return result;
	stats->calls++;
	stats->failed += bus->flow.stats.errors != errors;
	if (sessions_of(bus)->monitors.n > 0)
		monitor_show(bus, s, row, argv, argc);
	return COMMAND_DONE;
}

static inline struct command_stats *
execute_stats(struct bus *bus, const struct command *row)
{
	return &sessions_of(bus)->commands[row - sessions_of(bus)->table];
}
