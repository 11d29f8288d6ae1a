/*
 * udsctl pending: what groups have given to their consumers and not seen acknowledged, entry by entry. They are asked
 * for in pages, and with --json printed page by page.
 */
#include <inttypes.h>
#include <string.h>

#include "ask.h"
#include "entry-id.h"
#include "grid.h"
#include "groups.h"
#include "human.h"
#include "options.h"
#include "print.h"
#include "record.h"

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
	{ "GROUP", false }, { "ID", false }, { "CONSUMER", false }, { "IDLE", true }, { "DELIVERIES", true },
};

/* Entries in a page. */
#define PENDING_PAGE ((uint64_t)1000)

struct pending_list {
	const struct pending_options *o;
	const struct group_row *group;
	struct grid table;
	uint64_t n; /* shown so far */
};

static void
pending_show(struct pending_list *list, struct entry_id id, const struct resp_node *entry)
{
	struct slice consumer = entry[2].text;
	json_t *object;
	char text[ENTRY_ID_TEXT];

	entry_id_format(text, id);
	list->n++;
	if (!list->o->common.json) {
		grid_put(&list->table, "%.*s", (int)list->group->name.len, (const char *)list->group->name.p);
		grid_put(&list->table, "%s", text);
		grid_put(&list->table, "%.*s", (int)consumer.len, (const char *)consumer.p);
		grid_put(&list->table, "%s", human_age((uint64_t)entry[3].integer / 1000).text);
		grid_put(&list->table, "%" PRId64, entry[4].integer);
		return;
	}
	object = record_new();
	record_set_bytes(object, "group", list->group->name);
	record_set_string(object, "id", text);
	record_set_bytes(object, "consumer", consumer);
	record_set(object, "idle", json_integer(entry[3].integer));
	record_set(object, "deliveries", json_integer(entry[4].integer));
	record_write(object);
}

/* Shows the page that begins with *from. Returns 0 and how many entries it has, and sets *from behind them. */
static int
pending_show_page(struct ask *a, struct pending_list *list, struct entry_id *from, uint64_t page, uint64_t *ret_n)
{
	char id[ENTRY_ID_TEXT], count[ENTRY_ID_TEXT];
	struct slice words[] = { { (const uint8_t *)"XPENDING", 8 },
		                 list->group->stream,
		                 list->group->name,
		                 { (const uint8_t *)id, entry_id_format(id, *from) },
		                 { (const uint8_t *)"+", 1 },
		                 { (const uint8_t *)count, (size_t)snprintf(count, sizeof(count), "%" PRIu64, page) } };
	const struct resp_node *reply, *entry;
	int status = ask_words(a, &reply, words, sizeof(words) / sizeof(words[0]));

	if (status != 0)
		return status;
	if (reply->type != RESP_ARRAY)
		return ASK_FOREIGN;
	entry = reply + 1;
	for (size_t i = 0; i < reply->elements; i++, entry += 5) {
		if (entry->type != RESP_ARRAY || entry->elements != 4 || entry[3].type != RESP_INTEGER ||
		    !entry_id_parse(entry[1].text, 0, from))
			return ASK_FOREIGN;
		pending_show(list, *from, entry);
		*from = entry_id_behind(*from);
	}
	*ret_n = reply->elements;
	return list->o->common.json ? ask_flush(a) : 0;
}

static int
pending_show_group(struct ask *a, struct pending_list *list)
{
	uint64_t most = list->o->count > 0 ? list->o->count : UINT64_MAX, n = PENDING_PAGE, page = n;
	struct entry_id from = ENTRY_ID_MIN;
	int status = 0;

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
	struct pending_list list = { .o = o };
	struct groups groups = { 0 };
	struct ask *a = ask_new(&o->common);
	int status = 0;

	grid_init(&list.table, columns, sizeof(columns) / sizeof(columns[0]));
	if (name) {
		struct group_row row = { .stream = { (const uint8_t *)stream, strlen(stream) },
			                 .name = { (const uint8_t *)name, strlen(name) } };

		list.group = &row;
		status = pending_show_group(a, &list);
	} else {
		status = groups_fetch(a, stream, &groups);
		for (size_t i = 0; status == 0 && i < groups.n; i++) {
			list.group = &groups.rows[i];
			status = pending_show_group(a, &list);
		}
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
	.n_channels = 1,
	.options_size = sizeof(struct pending_options),
	.run = verb_pending_run,
};
