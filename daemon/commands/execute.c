#include "execute.h"

#include <time.h>

static uint64_t
execute_nanoseconds(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000000000 + (uint64_t)ts.tv_nsec;
}

enum command_result
execute_timed(struct bus *bus, struct session *s, const struct command *row, struct command_stats *stats,
              const struct slice *argv, size_t argc)
{
	uint64_t start = execute_nanoseconds();
	enum command_result result = row->run(bus, s, argv, argc);

	if (result == COMMAND_DONE) {
		stats->nanoseconds += execute_nanoseconds() - start;
		stats->timed++;
	}
	return result;
}
