#include "config-rows.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "userdb.h"
#include "config-data.h"
#include "log.h"
#include "num.h"

#define IN_CONFIG(member) offsetof(struct config, member)
#define IN_LISTENER(member) offsetof(struct listener_config, member)
#define IN_RULE(member) offsetof(struct access_rule, member)
#define DAY ((uint64_t)24 * 3600 * 1000)
#define GIB ((uint64_t)1 << 30)

const struct config_row config_rows[] = {
	{ SCOPE_CONFIG, "udsd", "log_level", TYPE_LOG_LEVEL, IN_CONFIG(log_level), "info", 0, 0 },
	{ SCOPE_CONFIG, "udsd", "shutdown_timeout", TYPE_DURATION, IN_CONFIG(shutdown_timeout), "5s", 0, DAY },
	{ SCOPE_CONFIG, "limits", "max_clients", TYPE_COUNT, IN_CONFIG(limits.max_clients), "20000", 1, 1000000 },
	{ SCOPE_CONFIG, "limits", "max_clients_per_uid", TYPE_COUNT, IN_CONFIG(limits.max_clients_per_uid), "10000", 1,
	  1000000 },
	{ SCOPE_CONFIG, "limits", "max_message", TYPE_SIZE, IN_CONFIG(limits.max_message), "16M", 1024, GIB },
	{ SCOPE_CONFIG, "limits", "max_subscriptions", TYPE_COUNT, IN_CONFIG(limits.max_subscriptions), "10000", 1,
	  10000000 },
	{ SCOPE_CONFIG, "limits", "max_subscriptions_per_uid", TYPE_COUNT, IN_CONFIG(limits.max_subscriptions_per_uid),
	  "1000000", 1, 100000000 },
	{ SCOPE_CONFIG, "limits", "max_patterns_per_uid", TYPE_COUNT, IN_CONFIG(limits.max_patterns_per_uid), "10000",
	  0, 10000000 },
	{ SCOPE_CONFIG, "limits", "queue_limit", TYPE_SIZE, IN_CONFIG(limits.queue_limit), "8M", 4096, GIB },
	{ SCOPE_CONFIG, "limits", "queue_limit_per_uid", TYPE_SIZE, IN_CONFIG(limits.queue_limit_per_uid), "256M", 4096,
	  64 * GIB },
	{ SCOPE_CONFIG, "limits", "slow_timeout", TYPE_DURATION, IN_CONFIG(limits.slow_timeout), "5s", 0, DAY },
	{ SCOPE_CONFIG, "limits", "idle_timeout", TYPE_DURATION, IN_CONFIG(limits.idle_timeout), "0", 0, DAY },
	{ SCOPE_CONFIG, "admin", "allow", TYPE_PRINCIPALS, IN_CONFIG(admins), "uid:0", 0, 0 },
	{ SCOPE_LISTENER, "listener", "listen", TYPE_ADDR, IN_LISTENER(addr), "", 0, 0 },
	{ SCOPE_LISTENER, "listener", "type", TYPE_SOCKET, IN_LISTENER(options.type), "stream", 0, 0 },
	{ SCOPE_LISTENER, "listener", "mode", TYPE_MODE, IN_LISTENER(options.mode), "route", 0, 0 },
	{ SCOPE_LISTENER, "listener", "channel", TYPE_CHANNEL, IN_LISTENER(options.channel), "", 0, 0 },
	{ SCOPE_LISTENER, "listener", "deliver", TYPE_SWITCH, IN_LISTENER(options.deliver), "no", 0, 0 },
	{ SCOPE_LISTENER, "listener", "ack", TYPE_SWITCH, IN_LISTENER(options.ack), "no", 0, 0 },
	{ SCOPE_LISTENER, "listener", "socket_mode", TYPE_BITS, IN_LISTENER(socket_mode), "0660", 0, 0777 },
	{ SCOPE_LISTENER, "listener", "socket_owner", TYPE_USER, IN_LISTENER(socket_owner), "", 0, 0 },
	{ SCOPE_LISTENER, "listener", "socket_group", TYPE_GROUP, IN_LISTENER(socket_group), "", 0, 0 },
	{ SCOPE_CHANNEL, "channel", "publish", TYPE_PRINCIPALS, IN_RULE(publish), NULL, 0, 0 },
	{ SCOPE_CHANNEL, "channel", "subscribe", TYPE_PRINCIPALS, IN_RULE(subscribe), NULL, 0, 0 },
	{ SCOPE_CHANNEL, "channel", "slow", TYPE_SLOW, IN_RULE(slow), "wait", 0, 0 },
};

const size_t config_n_rows = sizeof(config_rows) / sizeof(config_rows[0]);

static const char *const policies[] = { [SLOW_WAIT] = "wait", [SLOW_DROP] = "drop", [SLOW_DISCONNECT] = "disconnect" };

/* The index of a word in a list of n words. */
static int
parse_word(const char *text, const char *const words[], size_t n, int *ret_index)
{
	for (size_t i = 0; i < n; i++)
		if (strcmp(text, words[i]) == 0) {
			*ret_index = (int)i;
			return 0;
		}
	return -EINVAL;
}

static int
parse_switch(const char *text, bool *ret_on)
{
	static const char *const words[] = { "no", "yes" };
	int index, r = parse_word(text, words, 2, &index);

	if (r == 0)
		*ret_on = index == 1;
	return r;
}

static int
parse_channel(const char *text, char ret_name[PROTOCOL_NAME_MAX + 1])
{
	if (strlen(text) > PROTOCOL_NAME_MAX)
		return -EINVAL;
	strncpy(ret_name, text, PROTOCOL_NAME_MAX); /* and NULs to the end */
	return 0;
}

/* A user or group by name or number, which lookup finds by name; empty means (uid_t)-1. uid_t and gid_t are one type.
 */
static int
parse_account(const char *text, int (*lookup)(const char *name, uint32_t *ret_id), uint32_t *ret_id)
{
	uint64_t id = UINT32_MAX;

	if (*text && (num_parse_u64(text, &id) != 0 || id >= UINT32_MAX))
		return lookup(text, ret_id);
	*ret_id = (uint32_t)id;
	return 0;
}

static int
rows_parse_number(const struct config_row *row, const char *text, void *at, int (*parse)(const char *, uint64_t *))
{
	uint64_t value;
	int r = parse(text, &value);

	if (r == 0 && (value < row->min || value > row->max))
		r = -ERANGE;
	if (r == 0)
		*(uint64_t *)at = value;
	return r;
}

static int
set_principals(const char *text, struct access_list *list, struct config_bad_part *bad)
{
	struct access_list old = *list;
	int r = access_list_parse(text, list, bad->text, sizeof(bad->text));

	if (r == 0)
		access_list_deinit(&old);
	return r;
}

static int
parse_bits(const struct config_row *row, const char *text, unsigned int *ret_bits)
{
	unsigned int bits;
	int r = num_parse_mode(text, &bits);

	if (r == 0 && bits > row->max)
		r = -ERANGE;
	if (r == 0)
		*ret_bits = bits;
	return r;
}

static void
print_number(enum config_type_id type, uint64_t value, FILE *out)
{
	static const char units[] = "KMG";
	int unit = -1;

	if (type == TYPE_SIZE)
		for (; unit < 2 && value > 0 && value % 1024 == 0; unit++)
			value /= 1024;
	if (type == TYPE_DURATION && value > 0)
		fprintf(out, value % 1000 == 0 ? "%llus" : "%llums",
		        (unsigned long long)(value % 1000 == 0 ? value / 1000 : value));
	else if (unit >= 0)
		fprintf(out, "%llu%c", (unsigned long long)value, units[unit]);
	else
		fprintf(out, "%llu", (unsigned long long)value);
}

static void
print_principals(const struct access_list *list, FILE *out)
{
	char text[32];

	for (size_t i = 0; i < list->n; i++) {
		principal_format(&list->principals[i], text, sizeof(text));
		fprintf(out, "%s%s", i > 0 ? ", " : "", text);
	}
}

/* uid_t and gid_t are one type. */
static void
account_print(const void *at, FILE *out)
{
	if (*(const uid_t *)at != (uid_t)-1)
		fprintf(out, "%u", *(const uid_t *)at);
}

static int
level_parse(const struct config_row *row __attribute__((unused)), const char *text, void *at,
            struct config_bad_part *bad __attribute__((unused)))
{
	return log_level_parse(text, at);
}

static void
level_print(const void *at, FILE *out)
{
	fputs(log_level_name(*(const enum log_level *)at), out);
}

static int
duration_parse(const struct config_row *row, const char *text, void *at,
               struct config_bad_part *bad __attribute__((unused)))
{
	return rows_parse_number(row, text, at, num_parse_duration);
}

static void
duration_print(const void *at, FILE *out)
{
	print_number(TYPE_DURATION, *(const uint64_t *)at, out);
}

static int
size_parse(const struct config_row *row, const char *text, void *at,
           struct config_bad_part *bad __attribute__((unused)))
{
	return rows_parse_number(row, text, at, num_parse_size);
}

static void
size_print(const void *at, FILE *out)
{
	print_number(TYPE_SIZE, *(const uint64_t *)at, out);
}

static int
count_parse(const struct config_row *row, const char *text, void *at,
            struct config_bad_part *bad __attribute__((unused)))
{
	return rows_parse_number(row, text, at, num_parse_u64);
}

static void
count_print(const void *at, FILE *out)
{
	print_number(TYPE_COUNT, *(const uint64_t *)at, out);
}

static int
address_parse(const struct config_row *row __attribute__((unused)), const char *text, void *at,
              struct config_bad_part *bad __attribute__((unused)))
{
	return addr_parse(text, at);
}

static void
address_print(const void *at, FILE *out)
{
	char text[ADDR_PATH_MAX + 1];

	addr_format(at, text, sizeof(text));
	fputs(text, out);
}

static int
mode_parse(const struct config_row *row __attribute__((unused)), const char *text, void *at,
           struct config_bad_part *bad __attribute__((unused)))
{
	return parse_word(text, mode_names, MODE_COUNT, at);
}

static void
mode_print(const void *at, FILE *out)
{
	fputs(mode_names[*(const int *)at], out);
}

static int
socket_parse(const struct config_row *row __attribute__((unused)), const char *text, void *at,
             struct config_bad_part *bad __attribute__((unused)))
{
	return parse_word(text, mode_type_names, MODE_TYPE_COUNT, at);
}

static void
socket_print(const void *at, FILE *out)
{
	fputs(mode_type_names[*(const int *)at], out);
}

static int
switch_parse(const struct config_row *row __attribute__((unused)), const char *text, void *at,
             struct config_bad_part *bad __attribute__((unused)))
{
	return parse_switch(text, at);
}

static void
switch_print(const void *at, FILE *out)
{
	fputs(*(const bool *)at ? "yes" : "no", out);
}

static int
channel_parse(const struct config_row *row __attribute__((unused)), const char *text, void *at,
              struct config_bad_part *bad __attribute__((unused)))
{
	return parse_channel(text, at);
}

static void
channel_print(const void *at, FILE *out)
{
	fputs(at, out);
}

static int
bits_parse(const struct config_row *row, const char *text, void *at,
           struct config_bad_part *bad __attribute__((unused)))
{
	return parse_bits(row, text, at);
}

static void
bits_print(const void *at, FILE *out)
{
	fprintf(out, "%04o", *(const unsigned int *)at);
}

static int
user_parse(const struct config_row *row __attribute__((unused)), const char *text, void *at,
           struct config_bad_part *bad __attribute__((unused)))
{
	return parse_account(text, userdb_user, at);
}

static int
group_parse(const struct config_row *row __attribute__((unused)), const char *text, void *at,
            struct config_bad_part *bad __attribute__((unused)))
{
	return parse_account(text, userdb_group, at);
}

static int
principals_parse(const struct config_row *row __attribute__((unused)), const char *text, void *at,
                 struct config_bad_part *bad)
{
	return set_principals(text, at, bad);
}

static void
principals_print(const void *at, FILE *out)
{
	print_principals(at, out);
}

static int
slow_parse(const struct config_row *row __attribute__((unused)), const char *text, void *at,
           struct config_bad_part *bad __attribute__((unused)))
{
	return parse_word(text, policies, sizeof(policies) / sizeof(policies[0]), at);
}

static void
slow_print(const void *at, FILE *out)
{
	fputs(policies[*(const int *)at], out);
}

/* How values of a type are read, written and described. */
static const struct config_type {
	int (*parse)(const struct config_row *row, const char *text, void *at, struct config_bad_part *bad);
	void (*print)(const void *at, FILE *out);
	const char *expected;
} types[] = {
	[TYPE_LOG_LEVEL] = { level_parse, level_print, "a log level (error, warning, info or debug)" },
	[TYPE_DURATION] = { duration_parse, duration_print, "a duration (try 5s; units are ms, s, m and h)" },
	[TYPE_SIZE] = { size_parse, size_print, "a size (try 8M; units are K, M and G)" },
	[TYPE_COUNT] = { count_parse, count_print, "a number" },
	[TYPE_ADDR] = { address_parse, address_print, "an address" },
	[TYPE_MODE] = { mode_parse, mode_print, "a mode (" MODE_LIST ")" },
	[TYPE_SOCKET] = { socket_parse, socket_print, "a type of socket (stream, seqpacket or dgram)" },
	[TYPE_SWITCH] = { switch_parse, switch_print, "yes or no" },
	[TYPE_CHANNEL] = { channel_parse, channel_print, "a channel's name of at most 1024 bytes" },
	[TYPE_BITS] = { bits_parse, bits_print, "an octal file mode up to 0777 (try 0660)" },
	[TYPE_USER] = { user_parse, account_print, "a user" },
	[TYPE_GROUP] = { group_parse, account_print, "a group" },
	[TYPE_PRINCIPALS] = { principals_parse, principals_print,
	                      "a user's name, @group, uid:N, gid:N, * or anonymous" },
	[TYPE_SLOW] = { slow_parse, slow_print, "a policy (wait, drop or disconnect)" },
};

const char *
config_expected(enum config_type_id type)
{
	return types[type].expected;
}

int
config_set_value(const struct config_row *row, void *base, const char *text, struct config_bad_part *bad)
{
	return types[row->type].parse(row, text, (char *)base + row->offset, bad);
}

const struct config_row *
config_listener_row(const char *key)
{
	for (size_t i = 0; i < config_n_rows; i++)
		if (config_rows[i].scope == SCOPE_LISTENER && strcmp(config_rows[i].key, key) == 0)
			return &config_rows[i];
	return NULL;
}

bool
config_has_value(const struct config_row *row, const void *base)
{
	return row->type != TYPE_PRINCIPALS ||
	       ((const struct access_list *)((const char *)base + row->offset))->is_given;
}

void
config_print_value(const struct config_row *row, const void *base, FILE *out)
{
	const void *at = (const char *)base + row->offset;
	/* Behind a blank these would begin a comment. */
	bool is_blank_left_out = row->type == TYPE_ADDR && ((const struct addr *)at)->kind == ADDR_PATH &&
	                         strchr(";#", ((const struct addr *)at)->un.sun_path[0]);

	fprintf(out, "%s =%s", row->key, is_blank_left_out ? "" : " ");
	types[row->type].print(at, out);
	fputc('\n', out);
}
