/* CONFIG GET and CONFIG SET. */
#include <inttypes.h>
#include <string.h>

#include "cmd-pubsub.h"
#include "command-names.h"
#include "handlers.h"
#include "num.h"
#include "reply.h"
#include "sessions.h"
#include "streams.h"

#define COUNT ""
#define SIZE ""
#define DURATION "ms"
/* In place of an offset: entries of a block of a stream, which CONFIG SET may change. */
#define CONFIG_NODE_ENTRIES SIZE_MAX

#define LIMIT(member, unit, initial, min, max) { #member, NULL, offsetof(struct limits, member), unit },

/*
 * The parameters of CONFIG GET: those of Redis that libraries and programs ask for, and udsd's limits under the names
 * that they have in udsd.conf, in bytes and milliseconds.
 */
/* clang-format off: one row, one parameter */
static const struct {
	const char *name;
	const char *fixed; /* NULL: the limit at offset, followed by unit; or CONFIG_NODE_ENTRIES */
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
	           { "stream-node-max-entries", NULL, CONFIG_NODE_ENTRIES, "" },
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

	*ret_name = slice_of(name);
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

static uint64_t
config_value(struct bus *bus, size_t i)
{
	const struct streams *streams = sessions_of(bus)->streams;

	if (parameters[i].offset == CONFIG_NODE_ENTRIES)
		return streams ? streams->limits.node_entries : STREAMS_NODE_ENTRIES;
	return *(const uint64_t *)((const char *)&bus->flow.limits + parameters[i].offset);
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
		if (!names[i].p)
			continue;
		reply_bulk(bus, s, names[i]);
		if (parameters[i].fixed)
			reply_text(bus, s, parameters[i].fixed);
		else
			reply_format(bus, s, "%" PRIu64 "%s", config_value(bus, i), parameters[i].unit);
	}
	return COMMAND_DONE;
}

static size_t
config_find(struct slice name)
{
	size_t i = 0;

	while (i < N_PARAMETERS && !slice_is_word(name, parameters[i].name))
		i++;
	return i;
}

/* Only one parameter can be set; for the others, as in Redis, an error says why not. */
static bool
config_require_settable(struct bus *bus, struct session *s, const struct slice *argv, size_t argc)
{
	bool is_given = false;

	for (size_t k = 2; k + 1 < argc; k += 2) {
		size_t i = config_find(argv[k]);
		const char *why = NULL;

		bus->flow.work.done += N_PARAMETERS * WORK_VISIT;
		if (i == N_PARAMETERS) {
			reply_error(bus, s, "ERR Unknown option or number of arguments for CONFIG SET - '%.*s'",
			            COMMAND_SHOWN(argv[k]));
			return false;
		}
		if (parameters[i].offset != CONFIG_NODE_ENTRIES)
			why = "can't set immutable config";
		else if (is_given)
			why = "duplicate parameter";
		if (why) {
			reply_error(bus, s, "ERR CONFIG SET failed (possibly related to argument '%s') - %s",
			            parameters[i].name, why);
			return false;
		}
		is_given = true;
	}
	return true;
}

enum command_result
cmd_config_set(struct bus *bus, struct session *s, const struct slice *argv, size_t argc)
{
	struct streams *streams = sessions_of(bus)->streams;
	int64_t n;

	if (argc % 2 == 1) {
		reply_error(bus, s, "ERR syntax error");
		return COMMAND_DONE;
	}
	if (!config_require_settable(bus, s, argv, argc))
		return COMMAND_DONE;
	if (num_parse_resp(argv[3].p, argv[3].len, &n) != 0) {
		reply_error(bus, s,
		            "ERR CONFIG SET failed (possibly related to argument 'stream-node-max-entries') - "
		            "argument couldn't be parsed into an integer");
	} else if (n < 0) {
		reply_error(bus, s,
		            "ERR CONFIG SET failed (possibly related to argument 'stream-node-max-entries') - "
		            "argument must be between 0 and 9223372036854775807 inclusive");
	} else {
		if (streams)
			streams->limits.node_entries = (size_t)n;
		reply_status(bus, s, "OK");
	}
	return COMMAND_DONE;
}
