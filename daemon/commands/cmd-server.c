/* Commands about the daemon, but for INFO. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <time.h>

#include "handlers.h"
#include "monitor.h"
#include "reply.h"
#include "rows.h"
#include "sessions.h"

enum command_result
cmd_time(struct bus *bus, struct session *s, const struct slice *argv __attribute__((unused)),
         size_t argc __attribute__((unused)))
{
	struct timespec now;
	char text[32];

	clock_gettime(CLOCK_REALTIME, &now);
	reply_array(bus, s, 2);
	snprintf(text, sizeof(text), "%lld", (long long)now.tv_sec);
	reply_text(bus, s, text);
	snprintf(text, sizeof(text), "%ld", now.tv_nsec / 1000);
	reply_text(bus, s, text);
	return COMMAND_DONE;
}

enum command_result
cmd_cluster(struct bus *bus, struct session *s, const struct slice *argv __attribute__((unused)),
            size_t argc __attribute__((unused)))
{
	reply_error(bus, s, "ERR This instance has cluster support disabled");
	return COMMAND_DONE;
}

enum command_result
cmd_monitor(struct bus *bus, struct session *s, const struct slice *argv __attribute__((unused)),
            size_t argc __attribute__((unused)))
{
	if (bus->flow.executing) {
		reply_error(bus, s, "ERR MONITOR isn't allowed for DENY BLOCKING client");
		return COMMAND_DONE;
	}
	if (s->is_monitor)
		return COMMAND_DONE; /* like Redis, without an answer */
	if (monitor_join(bus, s) < 0)
		reply_error(bus, s, "ERR out of memory");
	else
		reply_status(bus, s, "OK");
	return COMMAND_DONE;
}

enum command_result
cmd_shutdown(struct bus *bus, struct session *s, const struct slice *argv, size_t argc)
{
	bool save = false, nosave = false, abort = false;

	for (size_t i = 1; i < argc; i++) {
		save |= slice_is_word(argv[i], "SAVE");
		nosave |= slice_is_word(argv[i], "NOSAVE");
		abort |= slice_is_word(argv[i], "ABORT");
		if (slice_is_word(argv[i], "SAVE") || slice_is_word(argv[i], "NOSAVE") ||
		    slice_is_word(argv[i], "ABORT") || slice_is_word(argv[i], "NOW") || slice_is_word(argv[i], "FORCE"))
			continue;
		reply_error(bus, s, "ERR syntax error");
		return COMMAND_DONE;
	}
	if ((save && nosave) || (abort && argc > 2)) {
		reply_error(bus, s, "ERR syntax error");
	} else if (abort) {
		reply_error(bus, s, "ERR No shutdown in progress.");
	} else {
		flow_log(&bus->flow, &s->client, LOG_LEVEL_INFO, "asked for a stop");
		sessions_of(bus)->stop_requested = true; /* like Redis, without an answer */
		bus_finish(bus, &s->client);
	}
	return COMMAND_DONE;
}

/*
 * What CONFIG GET knows: what libraries and programs for Redis ask for, under Redis's names, and udsd's limits,
 * in bytes and milliseconds as udsd.conf takes them. Sorted.
 */
static const struct {
	const char *name;
	const char *fixed; /* NULL: the limit at offset, with unit behind it */
	size_t offset;
	const char *unit;
} parameters[] = {
	{ "appendonly", "no", 0, "" },
	{ "bind", "", 0, "" },
	{ "cluster-enabled", "no", 0, "" },
	{ "databases", "1", 0, "" },
	{ "idle_timeout", NULL, offsetof(struct limits, idle_timeout), "ms" },
	{ "max_clients", NULL, offsetof(struct limits, max_clients), "" },
	{ "max_clients_per_uid", NULL, offsetof(struct limits, max_clients_per_uid), "" },
	{ "max_message", NULL, offsetof(struct limits, max_message), "" },
	{ "max_patterns_per_uid", NULL, offsetof(struct limits, max_patterns_per_uid), "" },
	{ "max_subscriptions", NULL, offsetof(struct limits, max_subscriptions), "" },
	{ "max_subscriptions_per_uid", NULL, offsetof(struct limits, max_subscriptions_per_uid), "" },
	{ "maxclients", NULL, offsetof(struct limits, max_clients), "" },
	{ "maxmemory", "0", 0, "" },
	{ "notify-keyspace-events", "", 0, "" },
	{ "port", "0", 0, "" },
	{ "proto-max-bulk-len", NULL, offsetof(struct limits, max_message), "" },
	{ "queue_limit", NULL, offsetof(struct limits, queue_limit), "" },
	{ "queue_limit_per_uid", NULL, offsetof(struct limits, queue_limit_per_uid), "" },
	{ "requirepass", "", 0, "" },
	{ "save", "", 0, "" },
	{ "slow_timeout", NULL, offsetof(struct limits, slow_timeout), "ms" },
	{ "timeout", "0", 0, "" },
};

#define N_PARAMETERS (sizeof(parameters) / sizeof(parameters[0]))

/* The name to answer with if the pattern matches: a plain one comes back as it was spelt. */
static bool
matches(size_t i, struct slice pattern, struct slice *ret_name)
{
	const char *name = parameters[i].name;

	*ret_name = (struct slice){ (const uint8_t *)name, strlen(name) };
	if (slice_is_word(pattern, name)) {
		*ret_name = pattern;
		return true;
	}
	/* Like Redis, what has no sign of a pattern is no pattern, backslashes or not. */
	for (size_t k = 0; k < pattern.len; k++)
		if (pattern.p[k] && strchr("*?[", pattern.p[k]))
			return rows_is_match(pattern, name);
	return false;
}

static void
reply_parameter(struct bus *bus, struct session *s, size_t i, struct slice name)
{
	uint64_t value;
	char text[32];

	reply_bulk(bus, s, name);
	if (parameters[i].fixed) {
		reply_text(bus, s, parameters[i].fixed);
		return;
	}
	memcpy(&value, (const char *)&bus->flow.limits + parameters[i].offset, sizeof(value));
	snprintf(text, sizeof(text), "%" PRIu64 "%s", value, parameters[i].unit);
	reply_text(bus, s, text);
}

enum command_result
cmd_config_get(struct bus *bus, struct session *s, const struct slice *argv, size_t argc)
{
	struct slice names[N_PARAMETERS] = { 0 };
	size_t n = 0;

	for (size_t i = 0; i < N_PARAMETERS; i++) {
		for (size_t k = 2; k < argc && !names[i].p; k++)
			if (!matches(i, argv[k], &names[i]))
				names[i].p = NULL;
		n += names[i].p != NULL;
	}
	reply_map(bus, s, n);
	for (size_t i = 0; i < N_PARAMETERS; i++)
		if (names[i].p)
			reply_parameter(bus, s, i, names[i]);
	return COMMAND_DONE;
}
