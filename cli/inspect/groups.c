#include "groups.h"

#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <time.h>

#include "answers.h"
#include "ask.h"
#include "memory.h"
#include "say.h"
#include "snapshot.h"

static struct slice
groups_copy(struct slice text)
{
	uint8_t *copy = memory_alloc(text.len + 1);

	slice_put(copy, text);
	return (struct slice){ copy, text.len };
}

/* Reads a number. Returns false where it is null, that is not known; is_good becomes false where it is neither. */
static bool
groups_read_number(const struct resp_node *map, const char *key, uint64_t *ret_value, bool *is_good)
{
	const struct resp_node *node = ask_lookup(map, key);

	if (node && node->type == RESP_INTEGER && node->integer >= 0) {
		*ret_value = (uint64_t)node->integer;
		return true;
	}
	*is_good &= node && node->type == RESP_NULL;
	return false;
}

/* Adds a group from its map. Returns false where it is something else. */
static bool
groups_add(struct groups *groups, struct slice stream, const struct resp_node *map)
{
	const struct resp_node *name = ask_lookup(map, "name"), *last = ask_lookup(map, "last-delivered-id");
	struct group_row row = { 0 };
	bool is_good = name && last && entry_id_parse(last->text, 0, &row.last);

	is_good &= groups_read_number(map, "consumers", &row.consumers, &is_good) &&
	           groups_read_number(map, "pending", &row.pending, &is_good);
	row.has_read = groups_read_number(map, "entries-read", &row.read, &is_good);
	row.has_lag = groups_read_number(map, "lag", &row.lag, &is_good);
	if (!is_good)
		return false;
	row.stream = groups_copy(stream);
	row.name = groups_copy(name->text);
	groups->rows = memory_resize(groups->rows, (groups->n + 1) * sizeof(groups->rows[0]));
	groups->rows[groups->n++] = row;
	return true;
}

/* Finds the oldest pending entry. Another client may have acknowledged it, or deleted the group, meanwhile. */
static int
groups_fetch_oldest(struct ask *a, struct group_row *row)
{
	const struct slice words[] = { { (const uint8_t *)"XPENDING", 8 }, row->stream, row->name };
	const struct resp_node *reply;
	int status = ask_words(a, &reply, words, 3);

	if (status != 0)
		return status;
	if (reply->type != RESP_ARRAY || reply->elements != 4)
		return ASK_FOREIGN;
	if (reply[2].type == RESP_BULK && !entry_id_parse(reply[2].text, 0, &row->oldest))
		return ASK_FOREIGN;
	return 0;
}

/* A value is empty where the group has none. */
static struct slice
groups_copy_value(const struct resp_node *map, const char *key)
{
	const struct resp_node *node = ask_lookup(map, key);

	return groups_copy(node ? node->text : slice_of(""));
}

/* What the group does by itself. */
static int
groups_fetch_values(struct ask *a, struct group_row *row)
{
	const struct slice words[] = { slice_of("UDSD"), slice_of("GROUP"), row->stream, row->name };
	const struct resp_node *reply;
	uint64_t paused = 0;
	bool is_good = true;
	int status = ask_try(a, &reply, words, 4);

	if (status != 0 || reply->type == RESP_ERROR) /* deleted meanwhile, for instance */
		return status;
	groups_read_number(reply, "max_deliveries", &row->max_deliveries, &is_good);
	groups_read_number(reply, "paused", &paused, &is_good);
	row->is_paused = paused > 0;
	row->retry_delay = groups_copy_value(reply, "retry_delay");
	row->dead_letter = groups_copy_value(reply, "dead_letter");
	return is_good ? 0 : ASK_FOREIGN;
}

int
groups_say_no_stream(struct slice stream)
{
	say("there is no stream '%.*s'", (int)stream.len, (const char *)stream.p);
	return EX_NOINPUT;
}

int
groups_refuse_stream(const struct resp_node *error, struct slice stream)
{
	return answers_error_is(&error->text, "ERR no such key") ? groups_say_no_stream(stream) : ask_refuse(error);
}

static int
groups_fetch_stream(struct ask *a, struct slice stream, struct groups *groups)
{
	const struct slice words[] = { { (const uint8_t *)"XINFO", 5 }, { (const uint8_t *)"GROUPS", 6 }, stream };
	const struct resp_node *reply, *map;
	size_t first = groups->n;
	int status = ask_try(a, &reply, words, 3);

	if (status != 0)
		return status;
	if (reply->type == RESP_ERROR)
		return groups_refuse_stream(reply, stream);
	if (reply->type != RESP_ARRAY)
		return ASK_FOREIGN;
	map = reply + 1;
	for (size_t i = 0; i < reply->elements; i++, map = reply + map->end)
		if (map->type != RESP_ARRAY || !groups_add(groups, stream, map))
			return ASK_FOREIGN;
	for (size_t i = first; status == 0 && i < groups->n; i++) {
		if (groups->rows[i].pending > 0)
			status = groups_fetch_oldest(a, &groups->rows[i]);
		if (status == 0 && groups->with_values)
			status = groups_fetch_values(a, &groups->rows[i]);
	}
	return status;
}

static int
groups_add_stream_cb(const struct resp_node *node, void *arg)
{
	return snapshot_read_row(arg, SNAPSHOT_STREAMS, node, node->elements + 1) ? 0 : ASK_FOREIGN;
}

static int
groups_fetch_all(struct ask *a, struct groups *groups)
{
	struct snapshot s = { 0 };
	const struct snapshot_list *list = &s.lists[SNAPSHOT_STREAMS];
	int status = ask_each(a, groups_add_stream_cb, &s, "UDSD", "STREAMS", NULL);

	snapshot_finish(&s, 0, &(struct snapshot){ 0 });
	for (size_t i = 0; status == 0 && i < list->n; i++)
		if (list->rows[i].values[STREAM_GROUPS] > 0)
			status = groups_fetch_stream(a, snapshot_text(&s, list->rows[i].key), groups);
	snapshot_deinit(&s);
	return status;
}

static int
groups_compare(const void *a, const void *b)
{
	const struct group_row *x = a, *y = b;
	int r = snapshot_compare_texts(x->stream, y->stream);

	return r != 0 ? r : snapshot_compare_texts(x->name, y->name);
}

int
groups_fetch(struct ask *a, const char *stream, struct groups *groups)
{
	int status = stream ? groups_fetch_stream(a, slice_of(stream), groups) : groups_fetch_all(a, groups);

	if (groups->n > 0)
		qsort(groups->rows, groups->n, sizeof(groups->rows[0]), groups_compare);
	return status;
}

void
groups_deinit(struct groups *groups)
{
	for (size_t i = 0; i < groups->n; i++) {
		free((void *)groups->rows[i].stream.p);
		free((void *)groups->rows[i].name.p);
		free((void *)groups->rows[i].retry_delay.p);
		free((void *)groups->rows[i].dead_letter.p);
	}
	free(groups->rows);
}

uint64_t
groups_age(const struct group_row *row, uint64_t now)
{
	return row->pending > 0 && row->oldest.ms < now && entry_id_compare(row->oldest, ENTRY_ID_MIN) > 0
	           ? now - row->oldest.ms
	           : 0;
}

uint64_t
groups_now(void)
{
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}
