/* Commands about the daemon, except INFO. */
#include <inttypes.h>
#include <string.h>
#include <strings.h>
#include <time.h>

#include "cmd-pubsub.h"
#include "command-names.h"
#include "handlers.h"
#include "monitor.h"
#include "reply.h"
#include "sessions.h"

enum command_result
cmd_time(struct bus *bus, struct session *s, const struct slice *argv, size_t argc)
{
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	reply_array(bus, s, 2);
	reply_format(bus, s, "%lld", (long long)now.tv_sec);
	reply_format(bus, s, "%ld", now.tv_nsec / 1000);
	return COMMAND_DONE;
}

enum command_result
cmd_cluster(struct bus *bus, struct session *s, const struct slice *argv, size_t argc)
{
	reply_error(bus, s, "ERR This instance has cluster support disabled");
	return COMMAND_DONE;
}

enum command_result
cmd_monitor(struct bus *bus, struct session *s, const struct slice *argv, size_t argc)
{
	if (bus->flow.executing) {
		reply_error(bus, s, "ERR MONITOR isn't allowed for DENY BLOCKING client");
		return COMMAND_DONE;
	}
	if (s->is_monitor)
		return COMMAND_DONE; /* like Redis, without a reply */
	if (monitor_join(bus, s) < 0)
		reply_error(bus, s, "ERR out of memory");
	else
		reply_status(bus, s, "OK");
	return COMMAND_DONE;
}

enum command_result
cmd_shutdown(struct bus *bus, struct session *s, const struct slice *argv, size_t argc)
{
	enum { SAVE, NOSAVE, ABORT, NOW, FORCE, N_WORDS };
	static const char *const words[] = { "SAVE", "NOSAVE", "ABORT", "NOW", "FORCE" };
	bool given[N_WORDS] = { false }, is_wrong = false;

	for (size_t i = 1; i < argc && !is_wrong; i++) {
		size_t word = 0;

		while (word < N_WORDS && !slice_is_word(argv[i], words[word]))
			word++;
		if (word < N_WORDS)
			given[word] = true;
		else
			is_wrong = true;
	}
	if (is_wrong || (given[SAVE] && given[NOSAVE]) || (given[ABORT] && argc > 2)) {
		reply_error(bus, s, "ERR syntax error");
	} else if (given[ABORT]) {
		reply_error(bus, s, "ERR No shutdown in progress.");
	} else {
		flow_log(&bus->flow, &s->client, LOG_LEVEL_INFO, "asked for a stop");
		sessions_of(bus)->stop_requested = true; /* like Redis, without a reply */
		bus_finish(bus, &s->client);
	}
	return COMMAND_DONE;
}
