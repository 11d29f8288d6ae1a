#include "config-rows.h"

#include <string.h>

#include "config-data.h"
#include "config-words.h"

#define IN_CONFIG(member) offsetof(struct config, member)
#define IN_LISTENER(member) offsetof(struct listener_config, member)
#define IN_RULE(member) offsetof(struct access_rule, member)

#define COUNT &config_type_count
#define SIZE &config_type_size
#define DURATION &config_type_duration
#define LIMIT(member, type, initial, min, max)                                                                         \
	{ SCOPE_CONFIG, "limits", #member, type, IN_CONFIG(limits.member), initial, { min, max } },
#define STORE(key, type, member, initial, min, max)                                                                    \
	{ SCOPE_CONFIG, "store", #key, type, IN_CONFIG(store.member), initial, { min, max } },
#define SERVICE(key, type, member, initial, min, max)                                                                  \
	{ SCOPE_SERVICE, "service", #key, type, offsetof(struct service_rule, member), initial, { min, max } },
#define STREAM(key, type, member, initial, min, max)                                                                   \
	{ SCOPE_STREAM, "stream", #key, type, offsetof(struct stream_rule, member), initial, { min, max } },

/* One row, one key. */
/* clang-format off */
const struct config_row config_rows[] = {
	{ SCOPE_CONFIG, "udsd", "log_level", &config_type_log_level, IN_CONFIG(log_level), "info" },
	{ SCOPE_CONFIG, "udsd", "shutdown_timeout", DURATION, IN_CONFIG(shutdown_timeout), "5s", { 0, LIMITS_DAY } },
	LIMITS_ROWS(LIMIT)
	{ SCOPE_CONFIG, "store", "directory", &config_type_store, IN_CONFIG(store.directory), "auto" },
	STORE(max_bytes, SIZE, disk.max_bytes, "1G", 1024 * 1024, 1024 * LIMITS_GIB)
	STORE(min_free, SIZE, disk.min_free, "64M", 0, 1024 * LIMITS_GIB)
	STORE(commit_delay, DURATION, disk.commit_delay_ms, "0", 0, 60 * 1000)
	STORE(cache, SIZE, streams.cache, "64M", 64 * 1024, 64 * LIMITS_GIB)
	STORE(queue_bytes, SIZE, streams.queue_bytes, "64M", 64 * 1024, 4 * LIMITS_GIB)
	STORE(max_streams, COUNT, streams.max_streams, "10000", 1, 10000000)
	STORE(max_bytes_per_uid, SIZE, streams.max_bytes_per_uid, "512M", 0, 1024 * LIMITS_GIB)
	{ SCOPE_CONFIG, "admin", "allow", &config_type_principals, IN_CONFIG(admins), "uid:0" },
	{ SCOPE_LISTENER, "listener", "listen", &config_type_address, IN_LISTENER(listen), NULL },
	{ SCOPE_LISTENER, "listener", "type", &config_type_socket, IN_LISTENER(options.type), "stream" },
	{ SCOPE_LISTENER, "listener", "mode", &config_type_mode, IN_LISTENER(options.mode), "route" },
	{ SCOPE_LISTENER, "listener", "channel", &config_type_channel, IN_LISTENER(options.channel), "" },
	{ SCOPE_LISTENER, "listener", "deliver", &config_type_switch, IN_LISTENER(options.deliver), "no" },
	{ SCOPE_LISTENER, "listener", "ack", &config_type_switch, IN_LISTENER(options.ack), "no" },
	{ SCOPE_LISTENER, "listener", "socket_mode", &config_type_bits, IN_LISTENER(socket_mode), "0660" },
	{ SCOPE_LISTENER, "listener", "socket_owner", &config_type_user, IN_LISTENER(socket_owner), "" },
	{ SCOPE_LISTENER, "listener", "socket_group", &config_type_group, IN_LISTENER(socket_group), "" },
	{ SCOPE_CHANNEL, "channel", "publish", &config_type_principals, IN_RULE(publish), NULL },
	{ SCOPE_CHANNEL, "channel", "subscribe", &config_type_principals, IN_RULE(subscribe), NULL },
	{ SCOPE_CHANNEL, "channel", "slow", &config_type_slow, IN_RULE(slow), "wait" },
	STREAM(published, &config_type_switch, published, "no", 0, 0)
	STREAM(sender, &config_type_switch, sender, "no", 0, 0)
	STREAM(max_entries, COUNT, max_entries, "0", 0, 1000000000000)
	STREAM(max_bytes, SIZE, max_bytes, "0", 0, 1024 * LIMITS_GIB)
	STREAM(max_age, DURATION, max_age_ms, "0", 0, 3650 * LIMITS_DAY)
	STREAM(when_full, &config_type_full, when_full, "trim", 0, 0)
	STREAM(keep, &config_type_keep, keep, "unacked", 0, 0)
	STREAM(max_pending, COUNT, max_pending, "100000", 1, 100000000)
	STREAM(redeliver, DURATION, delivery.redeliver_ms, "0", 0, 30 * LIMITS_DAY)
	STREAM(retry_delay, &config_type_durations, delivery.retry_delay, "", 0, 30 * LIMITS_DAY)
	STREAM(max_deliveries, COUNT, delivery.max_deliveries, "0", 0, STREAM_DELIVERIES_MAX)
	STREAM(dead_letter, &config_type_channel, delivery.dead_letter, "", 0, 0)
	STREAM(consumer_timeout, DURATION, delivery.consumer_timeout_ms, "0", 0, 30 * LIMITS_DAY)
	SERVICE(call, &config_type_principals, call, NULL, 0, 0)
	SERVICE(serve, &config_type_principals, serve, NULL, 0, 0)
	SERVICE(max_waiting, COUNT, max_waiting, "1000", 0, 100000)
	SERVICE(timeout, DURATION, timeout_ms, "30s", 1, LIMITS_DAY)
};
/* clang-format on */

const size_t config_n_rows = sizeof(config_rows) / sizeof(config_rows[0]);
_Static_assert(sizeof(config_rows) / sizeof(config_rows[0]) <= CONFIG_ROWS_MAX, "CONFIG_ROWS_MAX is too small");

int
config_set_value(const struct config_row *row, void *base, const char *text, struct config_error *ret_error)
{
	return config_type_parse(row->type, text, &row->bounds, (char *)base + row->offset, ret_error);
}

const struct config_row *
config_listener_row(const char *key)
{
	for (size_t i = 0; i < config_n_rows; i++)
		if (config_rows[i].scope == SCOPE_LISTENER && strcmp(config_rows[i].key, key) == 0)
			return &config_rows[i];
	return NULL;
}

/* Whether the text of a value begins like a comment, which it would be behind a blank. */
static bool
rows_looks_like_comment(const struct config_row *row, const void *at)
{
	const struct addr_list *list = at;
	char first = '\0';

	if (row->type == &config_type_channel)
		first = *(const char *)at;
	else if (row->type == &config_type_address && list->addrs[0].kind == ADDR_PATH)
		first = list->addrs[0].un.sun_path[0];
	return first == ';' || first == '#';
}

void
config_print_value(const struct config_row *row, const void *base, FILE *out)
{
	const void *at = (const char *)base + row->offset;

	if (row->type == &config_type_principals && !((const struct access_list *)at)->is_given)
		return;
	fprintf(out, "%s =%s", row->key, rows_looks_like_comment(row, at) ? "" : " ");
	config_type_print(row->type, at, out);
	fputc('\n', out);
}
