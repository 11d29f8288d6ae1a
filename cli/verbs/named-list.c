#include "named-list.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

#include "ask.h"
#include "clients.h"
#include "human.h"
#include "memory.h"
#include "num.h"
#include "print.h"
#include "record.h"
#include "say.h"
#include "snapshot.h"

/* One of them; the texts lie behind it. */
struct named_list_row {
	struct slice name;
	struct slice values[NAMED_LIST_FIGURES_MAX]; /* in the order of the figures */
	uint8_t bytes[];
};

struct named_list_rows {
	const struct named_list *list;
	struct named_list_row **rows;
	size_t n;
};

static int
named_list_add_cb(const struct resp_node *node, void *arg)
{
	const struct resp_node *name = ask_lookup(node, "name"), *values[NAMED_LIST_FIGURES_MAX];
	struct named_list_rows *all = arg;
	struct named_list_row *row;
	size_t size;
	uint8_t *p;

	if (!name)
		return ASK_FOREIGN;
	size = name->text.len;
	for (size_t i = 0; i < all->list->n; i++) {
		values[i] = ask_lookup(node, all->list->figures[i].field);
		if (!values[i])
			return ASK_FOREIGN;
		size += values[i]->text.len;
	}
	row = memory_alloc(sizeof(*row) + size + 1);
	p = row->bytes;
	row->name = (struct slice){ p, name->text.len };
	p = slice_put(p, name->text);
	for (size_t i = 0; i < all->list->n; i++) {
		row->values[i] = (struct slice){ p, values[i]->text.len };
		p = slice_put(p, values[i]->text);
	}
	all->rows = memory_resize(all->rows, (all->n + 1) * sizeof(all->rows[0]));
	all->rows[all->n++] = row;
	return 0;
}

static int
named_list_compare(const void *a, const void *b)
{
	return snapshot_compare_texts((*(struct named_list_row *const *)a)->name,
	                              (*(struct named_list_row *const *)b)->name);
}

static void
named_list_print_json(const struct named_list *list, const struct named_list_row *row)
{
	json_t *object = record_new();

	record_set_bytes(object, "name", row->name);
	for (size_t i = 0; i < list->n; i++)
		if (list->figures[i].kind == NAMED_LIST_TEXT)
			record_set_bytes(object, list->figures[i].field, row->values[i]);
		else
			record_set(object, list->figures[i].field,
			           json_integer((json_int_t)num_leading_u64(row->values[i].p, row->values[i].len)));
	record_write(object);
}

static void
named_list_put(struct grid *table, enum named_list_kind kind, struct slice value)
{
	uint64_t number = num_leading_u64(value.p, value.len);

	switch (kind) {
	case NAMED_LIST_COUNT:
		grid_put(table, "%" PRIu64, number);
		break;
	case NAMED_LIST_SIZE:
		grid_put(table, "%s", human_size(number).text);
		break;
	case NAMED_LIST_MICROSECONDS:
		grid_put(table, "%s", human_microseconds(number).text);
		break;
	case NAMED_LIST_TEXT:
		grid_put_text(table, value, SIZE_MAX);
		break;
	case NAMED_LIST_USER:
		grid_put(table, "%s", clients_user((long long)number));
		break;
	}
}

static void
named_list_print_table(const struct named_list_rows *all)
{
	const struct named_list *list = all->list;
	struct grid_column columns[1 + NAMED_LIST_FIGURES_MAX] = { { list->title, false } };
	struct grid table;
	size_t n = 1;

	for (size_t i = 0; i < list->n; i++)
		if (list->figures[i].column.title)
			columns[n++] = list->figures[i].column;
	grid_init(&table, columns, n);
	for (size_t at = 0; at < all->n; at++) {
		const struct named_list_row *row = all->rows[at];

		grid_put_text(&table, row->name, SIZE_MAX);
		for (size_t i = 0; i < list->n; i++)
			if (list->figures[i].column.title)
				named_list_put(&table, list->figures[i].kind, row->values[i]);
	}
	grid_print(&table);
	grid_deinit(&table);
}

bool
named_list_is_usage(const struct options *o, bool names)
{
	if (names && o->json)
		say("--names cannot be combined with --json");
	return !names || !o->json;
}

int
named_list_run(const struct named_list *list, const void *options)
{
	const struct named_list_options *o = options;
	struct named_list_rows all = { .list = list };
	struct ask *a;
	int status;

	if (!named_list_is_usage(&o->common, o->names))
		return EX_USAGE;
	a = ask_new(&o->common);
	/* Without a pattern the NULL ends the command before it. */
	status = ask_each(a, named_list_add_cb, &all, "UDSD", list->command,
	                  o->common.n_args > 0 ? o->common.args[0] : NULL, NULL);

	if (all.n > 0)
		qsort(all.rows, all.n, sizeof(all.rows[0]), named_list_compare);
	for (size_t i = 0; status == 0 && i < all.n; i++)
		if (o->names)
			print_name(all.rows[i]->name);
		else if (o->common.json)
			named_list_print_json(list, all.rows[i]);
	if (status == 0 && !o->names && !o->common.json)
		named_list_print_table(&all);
	for (size_t i = 0; i < all.n; i++)
		free(all.rows[i]);
	free(all.rows);
	return ask_end(a, status);
}
