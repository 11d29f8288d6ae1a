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

#define COUNT ""
#define SIZE ""
#define DURATION "ms"
#define LIMIT(member, unit, initial, min, max) { #member, NULL, offsetof(struct limits, member), unit },

/*
 * The parameters of CONFIG GET: those of Redis that libraries and programs ask for, and udsd's limits under the names
 * that they have in udsd.conf, in bytes and milliseconds.
 */
/* clang-format off: one row, one parameter */
static const struct {
	const char *name;
	const char *fixed; /* NULL: the limit at offset, followed by unit */
	size_t offset;
	const char *unit;
} parameters[] = { { "appendonly", "no", 0, "" },
	           { "bind", "", 0, "" },
	           { "cluster-enabled", "no", 0, "" },
	           { "databases", "16", 0, "" },
	           { "maxclients", NULL, offsetof(struct limits, max_clients), "" },
	           { "maxmemory", "0", 0, "" },
	           { "notify-keyspace-events", "", 0, "" },
	           { "port", "0", 0, "" },
	           { "proto-max-bulk-len", NULL, offsetof(struct limits, max_message), "" },
	           { "requirepass", "", 0, "" },
	           { "save", "", 0, "" },
	           { "timeout", "0", 0, "" },
	           LIMITS_ROWS(LIMIT) };
/* clang-format on */

/* Upper bound of the patterns in one CONFIG GET. */
#define PATTERNS_MAX 64

#define N_PARAMETERS (sizeof(parameters) / sizeof(parameters[0]))

/* Whether a pattern matches. *ret_name: the name for the reply, which for a plain name is as the client spelt it. */
static bool
config_matches(size_t i, struct slice pattern, struct slice *ret_name)
{
	const char *name = parameters[i].name;

	*ret_name = (struct slice){ (const uint8_t *)name, strlen(name) };
	if (slice_is_word(pattern, name)) {
		*ret_name = pattern;
		return true;
	}
	/* Like Redis, text without *, ? and [ is no pattern, even with backslashes. */
	for (size_t k = 0; k < pattern.len; k++)
		if (pattern.p[k] && strchr("*?[", pattern.p[k]))
			return command_name_matches(pattern, name);
	return false;
}

enum command_result
cmd_config_get(struct bus *bus, struct session *s, const struct slice *argv, size_t argc)
{
	struct slice names[N_PARAMETERS] = { 0 };
	size_t n = 0;

	if (argc > 2 + PATTERNS_MAX) {
		reply_error(bus, s, "ERR more than %d parameters", PATTERNS_MAX);
		return COMMAND_DONE;
	}
	for (size_t k = 2; k < argc; k++) {
		if (!cmd_require_name(bus, s, argv[k]))
			return COMMAND_DONE;
		bus->flow.work.done += N_PARAMETERS * (WORK_VISIT + argv[k].len);
	}
	for (size_t i = 0; i < N_PARAMETERS; i++) {
		for (size_t k = 2; k < argc && !names[i].p; k++)
			if (!config_matches(i, argv[k], &names[i]))
				names[i].p = NULL;
		n += names[i].p != NULL;
	}
	reply_map(bus, s, n);
	for (size_t i = 0; i < N_PARAMETERS; i++) {
		const char *limit = (const char *)&bus->flow.limits + parameters[i].offset;

		if (!names[i].p)
			continue;
		reply_bulk(bus, s, names[i]);
		if (parameters[i].fixed)
			reply_text(bus, s, parameters[i].fixed);
		else
			reply_format(bus, s, "%" PRIu64 "%s", *(const uint64_t *)limit, parameters[i].unit);
	}
	return COMMAND_DONE;
}
