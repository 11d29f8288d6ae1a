/*
 * udsctl streams: the streams and their figures, sorted by name. The daemon lists them in no order, so all are read
 * before the first is printed.
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "ask.h"
#include "clients.h"
#include "grid.h"
#include "human.h"
#include "memory.h"
#include "options.h"
#include "print.h"
#include "record.h"

struct streams_options {
	struct options common;
	bool names; /* print only these, for completions */
};

static const struct option_row rows[] = {
	OPTION_JSON_ROW,
	{ "names", 0, NULL, "print only the names", OPTION_FLAG, offsetof(struct streams_options, names) },
	OPTION_TIMEOUT_ROW,
	{ 0 },
};

enum streams_kind { STREAMS_COUNT, STREAMS_SIZE, STREAMS_TEXT, STREAMS_USER };

/* The fields of UDSD STREAMS, and of the JSON; those with a title are columns of the table. */
static const struct {
	struct grid_column column;
	const char *field;
	enum streams_kind kind;
} figures[] = {
	{ { "ENTRIES", true }, "entries", STREAMS_COUNT },
	{ { "SIZE", true }, "bytes", STREAMS_SIZE },
	{ { "ADDED", true }, "added", STREAMS_COUNT },
	{ { "GROUPS", true }, "groups", STREAMS_COUNT },
	{ { "PENDING", true }, "pending", STREAMS_COUNT },
	{ { "LAG", true }, "lag", STREAMS_COUNT },
	{ { "LAST ID", false }, "last-id", STREAMS_TEXT },
	{ { NULL }, "first-id", STREAMS_TEXT },
	{ { NULL }, "expires", STREAMS_COUNT },
	{ { "USER", false }, "uid", STREAMS_USER },
};

#define N_FIGURES (sizeof(figures) / sizeof(figures[0]))

/* One stream; the text of its values lies behind its name, in the order of figures. */
struct streams_row {
	struct slice name;
	struct slice values[N_FIGURES];
	uint8_t bytes[];
};

struct streams_list {
	struct streams_row **rows;
	size_t n;
};

static int
streams_add_cb(const struct resp_node *node, void *arg)
{
	const struct resp_node *name = ask_lookup(node, "name"), *values[N_FIGURES];
	struct streams_list *list = arg;
	struct streams_row *row;
	size_t size;
	uint8_t *p;

	if (!name)
		return ASK_FOREIGN;
	size = name->text.len;
	for (size_t i = 0; i < N_FIGURES; i++) {
		values[i] = ask_lookup(node, figures[i].field);
		if (!values[i])
			return ASK_FOREIGN;
		size += values[i]->text.len;
	}
	row = memory_alloc(sizeof(*row) + size + 1);
	p = row->bytes;
	row->name = (struct slice){ p, name->text.len };
	p = slice_put(p, name->text);
	for (size_t i = 0; i < N_FIGURES; i++) {
		row->values[i] = (struct slice){ p, values[i]->text.len };
		p = slice_put(p, values[i]->text);
	}
	list->rows = memory_resize(list->rows, (list->n + 1) * sizeof(list->rows[0]));
	list->rows[list->n++] = row;
	return 0;
}

static int
streams_compare(const void *a, const void *b)
{
	const struct slice *x = &(*(struct streams_row *const *)a)->name, *y = &(*(struct streams_row *const *)b)->name;
	int r = memcmp(x->p, y->p, x->len < y->len ? x->len : y->len);

	return r != 0 ? r : (x->len > y->len) - (x->len < y->len);
}

static uint64_t
streams_number(struct slice text)
{
	uint64_t n = 0;

	for (size_t i = 0; i < text.len && text.p[i] >= '0' && text.p[i] <= '9'; i++)
		n = 10 * n + (uint64_t)(text.p[i] - '0');
	return n;
}

static void
streams_print_json(const struct streams_row *row)
{
	json_t *object = record_new();

	record_set_bytes(object, "name", row->name);
	for (size_t i = 0; i < N_FIGURES; i++)
		if (figures[i].kind == STREAMS_TEXT)
			record_set_bytes(object, figures[i].field, row->values[i]);
		else
			record_set(object, figures[i].field, json_integer((json_int_t)streams_number(row->values[i])));
	record_write(object);
}

static void
streams_put(struct grid *table, const struct streams_row *row, size_t i)
{
	uint64_t number = streams_number(row->values[i]);

	switch (figures[i].kind) {
	case STREAMS_COUNT:
		grid_put(table, "%" PRIu64, number);
		break;
	case STREAMS_SIZE:
		grid_put(table, "%s", human_size(number).text);
		break;
	case STREAMS_TEXT:
		grid_put(table, "%.*s", (int)row->values[i].len, (const char *)row->values[i].p);
		break;
	case STREAMS_USER:
		grid_put(table, "%s", clients_user((long long)number));
		break;
	}
}

static void
streams_print_table(const struct streams_list *list)
{
	struct grid_column columns[1 + N_FIGURES] = { { "STREAM", false } };
	struct grid table;
	size_t n = 1;

	for (size_t i = 0; i < N_FIGURES; i++)
		if (figures[i].column.title)
			columns[n++] = figures[i].column;
	grid_init(&table, columns, n);
	for (size_t at = 0; at < list->n; at++) {
		grid_put(&table, "%.*s", (int)list->rows[at]->name.len, (const char *)list->rows[at]->name.p);
		for (size_t i = 0; i < N_FIGURES; i++)
			if (figures[i].column.title)
				streams_put(&table, list->rows[at], i);
	}
	grid_print(&table);
	grid_deinit(&table);
}

static int
verb_streams_run(const void *options)
{
	const struct streams_options *o = options;
	struct ask *a = ask_new(&o->common);
	struct streams_list list = { 0 };
	/* Without a pattern the NULL ends the command before it. */
	int status = ask_each(a, streams_add_cb, &list, "UDSD", "STREAMS",
	                      o->common.n_args > 0 ? o->common.args[0] : NULL, NULL);

	if (list.n > 0)
		qsort(list.rows, list.n, sizeof(list.rows[0]), streams_compare);
	for (size_t i = 0; status == 0 && i < list.n; i++)
		if (o->names)
			print_name(list.rows[i]->name);
		else if (o->common.json)
			streams_print_json(list.rows[i]);
	if (status == 0 && !o->names && !o->common.json)
		streams_print_table(&list);
	for (size_t i = 0; i < list.n; i++)
		free(list.rows[i]);
	free(list.rows);
	return ask_end(a, status);
}

const struct verb verb_streams = {
	.name = "streams",
	.arguments = "[PATTERN]",
	.summary = "list the streams and what is in them",
	.rows = rows,
	.args_max = 1,
	.options_size = sizeof(struct streams_options),
	.run = verb_streams_run,
};
