/*
 * Channels, clients, streams, groups and services are rows of values, so that reading, sorting and rates are written
 * once: a table says which fields of an answer add up to a value. Lists are sorted by what identifies a row; two
 * snapshots are therefore compared in one walk. All names lie in one run of bytes: a snapshot of many thousands of rows
 * takes three pieces of memory, which the next one uses again.
 */
#include "snapshot.h"

#include <stdlib.h>
#include <string.h>

#include "clients.h"
#include "memory.h"

#define SNAPSHOT_ADDENDS 4

/* The fields of an answer whose sum is the value. */
static const char *const snapshot_fields[][SNAPSHOT_VALUES][SNAPSHOT_ADDENDS] = {
	[SNAPSHOT_CHANNELS] = {
		[CHANNEL_IS_SHARD] = { "shard" },
		[CHANNEL_NAMED] = { "receivers" },
		[CHANNEL_BY_PATTERN] = { "pattern-receivers" },
		[CHANNEL_RECEIVERS] = { "receivers", "pattern-receivers" },
		[CHANNEL_MESSAGES] = { "messages" },
		[CHANNEL_DELIVERIES] = { "deliveries" },
		[CHANNEL_DROPPED] = { "dropped" },
		[CHANNEL_CLOGGED] = { "clogged" },
		[CHANNEL_QUEUED] = { "queued" },
		[CHANNEL_WAITING] = { "waiting" },
		[CHANNEL_STORED] = { "stored" },
		[CHANNEL_REPLAYING] = { "replaying" },
	},
	[SNAPSHOT_CLIENTS] = {
		[CLIENT_ID] = { "id" },
		[CLIENT_PID] = { "pid" },
		[CLIENT_AGE] = { "age" },
		[CLIENT_UNSENT] = { "obl" },
		[CLIENT_PUBLISHED] = { "published" },
		[CLIENT_DELIVERED] = { "delivered" },
	},
	[SNAPSHOT_STREAMS] = {
		[STREAM_UID] = { "uid" },
		[STREAM_ENTRIES] = { "entries" },
		[STREAM_BYTES] = { "bytes" },
		[STREAM_ADDED] = { "added" },
		[STREAM_GROUPS] = { "groups" },
		[STREAM_PENDING] = { "pending" },
		[STREAM_LAG] = { "lag" },
	},
	[SNAPSHOT_GROUPS] = {
		[GROUP_CONSUMERS] = { "consumers" },
		[GROUP_PENDING] = { "pending" },
		[GROUP_LAG] = { "lag" },
		[GROUP_READ] = { "entries-read" },
	},
	[SNAPSHOT_SERVICES] = {
		[SERVICE_WORKERS] = { "workers" },
		[SERVICE_IDLE] = { "idle" },
		[SERVICE_BUSY] = { "busy" },
		[SERVICE_WAITING] = { "waiting" },
		[SERVICE_ENDED] = { "answered", "failed", "gone", "timed_out" },
		[SERVICE_FAILED] = { "failed", "gone", "timed_out" },
		[SERVICE_P50] = { "p50_us" },
		[SERVICE_P99] = { "p99_us" },
	},
};

/* By letters of "flags" and "events" in UDSD CLIENTS. */
static const struct {
	const char *name;
	char letter;
} snapshot_states[] = {
	[STATE_CLOGGED] = { "clogged" },        [STATE_CLOSING] = { "closing", 'c' },
	[STATE_WAITS] = { "waits", 'b' },       [STATE_FULL] = { "full", 'w' },
	[STATE_MONITORS] = { "monitors", 'O' }, [STATE_MULTI] = { "multi", 'x' },
	[STATE_RECEIVES] = { "receives", 'P' }, [STATE_OPEN] = { "open" },
};

void
snapshot_deinit(struct snapshot *s)
{
	for (size_t kind = 0; kind < SNAPSHOT_LISTS; kind++)
		free(s->lists[kind].rows);
	buf_deinit(&s->text);
	*s = (struct snapshot){ 0 };
}

void
snapshot_clear(struct snapshot *s)
{
	for (size_t kind = 0; kind < SNAPSHOT_LISTS; kind++)
		s->lists[kind].n = 0;
	s->text.len = 0;
	s->rates = (struct stats_sample){ 0 };
	s->has_rates = false;
	s->taken_at = 0;
}

struct slice
snapshot_text(const struct snapshot *s, struct snapshot_text text)
{
	return text.len > 0 ? (struct slice){ s->text.data + text.at, text.len } : (struct slice){ 0 };
}

const char *
snapshot_state_name(enum snapshot_state state)
{
	return snapshot_states[state].name;
}

static struct snapshot_text
snapshot_add_text(struct snapshot *s, const void *text, size_t len)
{
	size_t at = s->text.len;

	memory_check(at + len > UINT32_MAX ? -1 : buf_append(&s->text, text, len));
	return (struct snapshot_text){ (uint32_t)at, (uint32_t)len };
}

static struct snapshot_row *
snapshot_add_row(struct snapshot_list *list)
{
	if (list->n == list->cap) {
		list->cap = list->cap > 0 ? 2 * list->cap : 64;
		list->rows = memory_resize(list->rows, list->cap * sizeof(*list->rows));
	}
	list->rows[list->n] = (struct snapshot_row){ 0 };
	return &list->rows[list->n++];
}

/* A field of an answer as a number; 0 where the answer lacks it. */
typedef double snapshot_field_cb(const void *answer, const char *field);

static void
snapshot_read_values(struct snapshot_row *row, enum snapshot_kind kind, snapshot_field_cb *field, const void *answer)
{
	for (size_t i = 0; i < SNAPSHOT_VALUES; i++)
		for (size_t j = 0; j < SNAPSHOT_ADDENDS && snapshot_fields[kind][i][j]; j++)
			row->values[i] += field(answer, snapshot_fields[kind][i][j]);
}

bool
snapshot_read_info(struct snapshot *s, struct slice text)
{
	stats_read(text, &s->info);
	return s->info.version[0] && s->info.run_id[0];
}

static double
snapshot_node_field_cb(const void *answer, const char *field)
{
	const struct resp_node *nodes = answer;

	for (size_t i = 1; i < nodes->elements; i += 2)
		if (resp_node_is(&nodes[i], field))
			return nodes[i + 1].type == RESP_INTEGER && nodes[i + 1].integer > 0
			           ? (double)nodes[i + 1].integer
			           : 0;
	return 0;
}

bool
snapshot_read_row(struct snapshot *s, enum snapshot_kind kind, const struct resp_node *nodes, size_t count)
{
	static const char mark[] = " (shard)";
	struct snapshot_row *row;
	const char *user;
	size_t at = 1;

	if ((nodes->type != RESP_ARRAY && nodes->type != RESP_MAP) || nodes->elements % 2 ||
	    count != nodes->elements + 1)
		return false;
	while (at < count && !(resp_node_is(&nodes[at], "name") && nodes[at + 1].type == RESP_BULK))
		at += 2;
	if (at >= count)
		return false;
	row = snapshot_add_row(&s->lists[kind]);
	snapshot_read_values(row, kind, snapshot_node_field_cb, nodes);
	row->key = row->name = snapshot_add_text(s, nodes[at + 1].text.p, nodes[at + 1].text.len);
	if (kind == SNAPSHOT_CHANNELS && row->values[CHANNEL_IS_SHARD] > 0)
		row->name.len += snapshot_add_text(s, mark, strlen(mark)).len;
	if (kind == SNAPSHOT_STREAMS) {
		user = clients_user((long long)row->values[STREAM_UID]);
		row->user = snapshot_add_text(s, user, strlen(user));
	}
	return true;
}

bool
snapshot_read_groups(struct snapshot *s, size_t i, const struct resp_reply *reply)
{
	struct snapshot_text stream = s->lists[SNAPSHOT_STREAMS].rows[i].key;
	const struct resp_node *nodes = reply->nodes;
	struct snapshot_row *row;
	struct slice name;
	size_t at = 1;

	if (nodes->type != RESP_ARRAY)
		return false;
	for (size_t left = nodes->elements; left > 0; left--, at = nodes[at].end) {
		if (!snapshot_read_row(s, SNAPSHOT_GROUPS, &nodes[at], nodes[at].end - at))
			return false;
		row = &s->lists[SNAPSHOT_GROUPS].rows[s->lists[SNAPSHOT_GROUPS].n - 1];
		row->channels = stream;
		memory_check(buf_reserve(&s->text, stream.len + 1 + row->name.len));
		name = snapshot_text(s, stream);
		row->key = snapshot_add_text(s, name.p, name.len);
		row->key.len += snapshot_add_text(s, "", 1).len;
		name = snapshot_text(s, row->name);
		row->key.len += snapshot_add_text(s, name.p, name.len).len;
	}
	return true;
}

static double
snapshot_client_field_cb(const void *answer, const char *field)
{
	return (double)clients_number(answer, field);
}

static enum snapshot_state
snapshot_find_state(const struct client_entry *entry)
{
	struct slice flags = clients_text(entry, "flags"), events = clients_text(entry, "events");
	enum snapshot_state state = STATE_CLOSING;

	if (clients_number(entry, "clogged") > 0)
		return STATE_CLOGGED;
	while (state < STATE_OPEN && !(flags.len > 0 && memchr(flags.p, snapshot_states[state].letter, flags.len)) &&
	       !(events.len > 0 && memchr(events.p, snapshot_states[state].letter, events.len)))
		state++;
	return state;
}

bool
snapshot_read_clients(struct snapshot *s, struct slice text)
{
	struct client_entry entry;

	while (clients_next(&text, &entry)) {
		struct snapshot_row *row = snapshot_add_row(&s->lists[SNAPSHOT_CLIENTS]);
		struct slice name;
		const char *user, *channels;

		if (entry.id == 0)
			return false;
		snapshot_read_values(row, SNAPSHOT_CLIENTS, snapshot_client_field_cb, &entry);
		name = clients_text(&entry, "name");
		user = clients_user(entry.uid);
		row->name = snapshot_add_text(s, name.p, name.len);
		row->user = snapshot_add_text(s, user, strlen(user));
		channels = clients_channels(&entry);
		row->channels = snapshot_add_text(s, channels, strlen(channels));
		row->values[CLIENT_SUBSCRIPTIONS] = (double)clients_subscriptions(&entry);
		row->uid = entry.uid;
		row->state = snapshot_find_state(&entry);
	}
	return true;
}

int
snapshot_compare_texts(struct slice a, struct slice b)
{
	size_t len = a.len < b.len ? a.len : b.len;
	int order = len > 0 ? memcmp(a.p, b.p, len) : 0;

	return order ? order : (a.len > b.len) - (a.len < b.len);
}

static int
snapshot_compare_rows(const struct snapshot *s, const struct snapshot_row *a, const struct snapshot *t,
                      const struct snapshot_row *b)
{
	int order = snapshot_compare_texts(snapshot_text(s, a->key), snapshot_text(t, b->key));

	return order ? order : (a->values[0] > b->values[0]) - (a->values[0] < b->values[0]);
}

static int
snapshot_sort_cb(const void *a, const void *b, void *arg)
{
	return snapshot_compare_rows(arg, a, arg, b);
}

/* A total that has gone down has begun again at 0; so has a row that is new. */
static void
snapshot_compare_lists(struct snapshot *s, const struct snapshot *before, enum snapshot_kind kind, double seconds)
{
	const struct snapshot_list *list = &s->lists[kind], *old = &before->lists[kind];
	static const struct snapshot_row none;
	size_t j = 0;

	for (size_t i = 0; i < list->n; i++) {
		struct snapshot_row *row = &list->rows[i];
		const struct snapshot_row *was = &none;
		int order = 1;

		while (j < old->n && (order = snapshot_compare_rows(before, &old->rows[j], s, row)) < 0)
			j++;
		if (j < old->n && order == 0)
			was = &old->rows[j];
		for (size_t k = 0; k < SNAPSHOT_VALUES; k++)
			row->rates[k] =
			    (row->values[k] - (was->values[k] <= row->values[k] ? was->values[k] : 0)) / seconds;
		memcpy(row->command, was->command, sizeof(row->command));
	}
}

void
snapshot_finish(struct snapshot *s, uint64_t taken_at, const struct snapshot *before)
{
	double seconds = (double)(taken_at - before->taken_at) / 1e6;

	s->taken_at = taken_at;
	s->has_rates =
	    before->taken_at > 0 && taken_at > before->taken_at && strcmp(s->info.run_id, before->info.run_id) == 0;
	for (size_t kind = 0; kind < SNAPSHOT_LISTS; kind++)
		if (s->lists[kind].n > 0)
			qsort_r(s->lists[kind].rows, s->lists[kind].n, sizeof(struct snapshot_row), snapshot_sort_cb,
			        s);
	if (!s->has_rates)
		return;
	for (size_t i = 0; i < STATS_MAX; i++)
		s->rates.values[i] = (s->info.values[i] - before->info.values[i]) / seconds;
	for (enum snapshot_kind kind = 0; kind < SNAPSHOT_LISTS; kind++)
		snapshot_compare_lists(s, before, kind, seconds);
}
