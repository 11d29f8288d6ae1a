/*
 * udsctl pending: what groups have given to their consumers and not seen acknowledged, entry by entry. They are asked
 * for in pages, and with --json printed page by page.
 */
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sysexits.h>

#include "ask.h"
#include "entry-id.h"
#include "grid.h"
#include "groups.h"
#include "human.h"
#include "options.h"
#include "print.h"
#include "record.h"
#include "say.h"

struct pending_options {
	struct options common;
	uint64_t count; /* 0: not given */
};

static const struct option_row rows[] = {
	{ "count", 'n', "COUNT", "show at most this many entries", OPTION_COUNT,
	  offsetof(struct pending_options, count) },
	OPTION_JSON_ROW,
	OPTION_TIMEOUT_ROW,
	{ 0 },
};

static const struct grid_column columns[] = {
	{ "GROUP", false }, { "ID", false },        { "STATE", false }, { "CONSUMER", false },
	{ "IDLE", true },   { "DELIVERIES", true }, { "DUE", true },    { "PID", true },
};

/* Entries in a page. */
#define PENDING_PAGE ((uint64_t)1000)

struct pending_list {
	const struct pending_options *o;
	const struct group_row *group;
	struct grid table;
	uint64_t n; /* shown so far */
};

/* The figures of UDSD PENDING as they are. */
static void
pending_print_json(const struct pending_list *list, const struct resp_node *map)
{
	json_t *object = record_new();
	char key[32];

	record_set_bytes(object, "group", list->group->name);
	for (size_t i = 1; i + 1 <= map->elements; i += 2) {
		snprintf(key, sizeof(key), "%.*s", (int)map[i].text.len, (const char *)map[i].text.p);
		if (map[i + 1].type == RESP_INTEGER)
			record_set(object, key, json_integer(map[i + 1].integer));
		else
			record_set_bytes(object, key, map[i + 1].text);
	}
	record_write(object);
}

static int64_t
pending_number(const struct resp_node *map, const char *key)
{
	const struct resp_node *node = ask_lookup(map, key);

	return node ? node->integer : 0;
}

static void
pending_put_age(struct grid *table, int64_t ms)
{
	grid_put(table, "%s", ms >= 0 ? human_age((uint64_t)ms / 1000).text : "-");
}

static void
pending_put(struct pending_list *list, const struct resp_node *map)
{
	const struct resp_node *texts[] = { ask_lookup(map, "id"), ask_lookup(map, "state"),
		                            ask_lookup(map, "consumer") };
	int64_t due = pending_number(map, "due_ms"), pid = pending_number(map, "pid");

	grid_put_text(&list->table, list->group->name, SIZE_MAX);
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		grid_put_text(&list->table, texts[i] ? texts[i]->text : slice_of(""), SIZE_MAX);
	pending_put_age(&list->table, pending_number(map, "idle_ms"));
	grid_put(&list->table, "%" PRId64, pending_number(map, "deliveries"));
	pending_put_age(&list->table, due > 0 ? due + 999 : -1); /* as jobs does: 0s would be now */
	grid_put(&list->table, pid > 0 ? "%" PRId64 : "-", pid);
}

/* Shows the page that begins with *from. Returns 0 and how many entries it has, and sets *from behind them. */
static int
pending_show_page(struct ask *a, struct pending_list *list, struct entry_id *from, uint64_t page, uint64_t *ret_n)
{
	char id[ENTRY_ID_TEXT], count[ENTRY_ID_TEXT];
	struct slice words[] = { { (const uint8_t *)"UDSD", 4 },
		                 { (const uint8_t *)"PENDING", 7 },
		                 list->group->stream,
		                 list->group->name,
		                 { (const uint8_t *)id, entry_id_format(id, *from) },
		                 { (const uint8_t *)"+", 1 },
		                 { (const uint8_t *)"COUNT", 5 },
		                 { (const uint8_t *)count, (size_t)snprintf(count, sizeof(count), "%" PRIu64, page) } };
	const struct resp_node *reply, *map, *node;
	int status = ask_words(a, &reply, words, sizeof(words) / sizeof(words[0]));

	if (status != 0)
		return status;
	if (reply->type != RESP_ARRAY)
		return ASK_FOREIGN;
	map = reply + 1;
	for (size_t i = 0; i < reply->elements; i++, map = reply + map->end) {
		node = map->type == RESP_ARRAY ? ask_lookup(map, "id") : NULL;
		if (!node || !entry_id_parse(node->text, 0, from))
			return ASK_FOREIGN;
		*from = entry_id_behind(*from);
		list->n++;
		if (list->o->common.json)
			pending_print_json(list, map);
		else
			pending_put(list, map);
	}
	*ret_n = reply->elements;
	return list->o->common.json ? ask_flush(a) : 0;
}

static int
pending_show_group(struct ask *a, struct pending_list *list, const struct group_row *group)
{
	uint64_t most = list->o->count > 0 ? list->o->count : UINT64_MAX, n = PENDING_PAGE, page = n;
	struct entry_id from = ENTRY_ID_MIN;
	int status = 0;

	list->group = group;
	while (status == 0 && n == page && list->n < most) {
		page = most - list->n < PENDING_PAGE ? most - list->n : PENDING_PAGE;
		status = pending_show_page(a, list, &from, page, &n);
	}
	return status;
}

static int
verb_pending_run(const void *options)
{
	const struct pending_options *o = options;
	const char *stream = o->common.args[0], *name = o->common.n_args > 1 ? o->common.args[1] : NULL;
	bool is_found = !name;
	struct pending_list list = { .o = o };
	struct groups groups = { 0 };
	struct ask *a = ask_new(&o->common);
	int status;

	grid_init(&list.table, columns, sizeof(columns) / sizeof(columns[0]));
	status = groups_fetch(a, stream, &groups);
	for (size_t i = 0; status == 0 && i < groups.n; i++) {
		const struct group_row *group = &groups.rows[i];

		if (name && (group->name.len != strlen(name) || memcmp(group->name.p, name, strlen(name)) != 0))
			continue;
		is_found = true;
		status = pending_show_group(a, &list, group);
	}
	if (status == 0 && !is_found) {
		say("stream '%s' has no group '%s'", stream, name);
		status = EX_NOINPUT;
	}
	if (status == 0 && !o->common.json)
		grid_print(&list.table);
	grid_deinit(&list.table);
	groups_deinit(&groups);
	return ask_end(a, status);
}

const struct verb verb_pending = {
	.name = "pending",
	.arguments = "STREAM [GROUP]",
	.summary = "list what groups have given and not seen acknowledged",
	.rows = rows,
	.args_min = 1,
	.args_max = 2,
	.n_names = 2,
	.options_size = sizeof(struct pending_options),
	.run = verb_pending_run,
};
