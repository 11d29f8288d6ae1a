/*
 * udsctl channels: the channels and their figures, sorted by name. The daemon lists them in no order, so all are read
 * before the first is printed.
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "ask.h"
#include "grid.h"
#include "human.h"
#include "memory.h"
#include "options.h"
#include "print.h"
#include "printable.h"
#include "record.h"

struct channels_options {
	struct options common;
	bool names; /* print only these, for completions */
};

static const struct option_row rows[] = {
	OPTION_JSON_ROW,
	{ "names", 0, NULL, "print nothing but the names", OPTION_FLAG, offsetof(struct channels_options, names) },
	OPTION_TIMEOUT_ROW,
	{ 0 },
};

static const struct {
	struct grid_column column;
	const char *field; /* of UDSD CHANNELS, and of the JSON */
	bool is_size;
} figures[] = {
	{ { "RECEIVERS", true }, "receivers", false }, { { "PATTERN", true }, "pattern-receivers", false },
	{ { "MESSAGES", true }, "messages", false },   { { "DELIVERIES", true }, "deliveries", false },
	{ { "DROPPED", true }, "dropped", false },     { { "UNSENT", true }, "queued", true },
	{ { "CLOGGED", true }, "clogged", false },     { { "WAITING", true }, "waiting", false },
};

#define N_FIGURES (sizeof(figures) / sizeof(figures[0]))

struct channel_entry {
	char *name; /* ends with a NUL, and may have others before */
	size_t name_len;
	bool is_shard;
	int64_t values[N_FIGURES];
};

struct listing {
	struct channel_entry *channels;
	size_t n, cap;
};

static int64_t
channels_number(const struct resp_node *channel, const char *field)
{
	const struct resp_node *node = ask_lookup(channel, field);

	return node && node->type == RESP_INTEGER ? node->integer : 0;
}

static int
channels_add_cb(const struct resp_node *node, void *arg)
{
	struct listing *listing = arg;
	const struct resp_node *name = ask_lookup(node, "name");
	struct channel_entry *channel;

	if (listing->n == listing->cap) {
		listing->cap = listing->cap > 0 ? 2 * listing->cap : 64;
		listing->channels = memory_resize(listing->channels, listing->cap * sizeof(*listing->channels));
	}
	channel = &listing->channels[listing->n++];
	channel->is_shard = channels_number(node, "shard") > 0;
	channel->name_len = name ? name->text.len : 0;
	channel->name = memory_alloc(channel->name_len + 1);
	if (name)
		memcpy(channel->name, name->text.p, channel->name_len);
	for (size_t i = 0; i < N_FIGURES; i++)
		channel->values[i] = channels_number(node, figures[i].field);
	return 0;
}

static int
channels_compare(const void *a, const void *b)
{
	const struct channel_entry *x = a, *y = b;
	int r = memcmp(x->name, y->name, x->name_len < y->name_len ? x->name_len : y->name_len);

	if (r == 0)
		r = (x->name_len > y->name_len) - (x->name_len < y->name_len);
	return r != 0 ? r : x->is_shard - y->is_shard;
}

/* For completions: names that are not one line of plain characters are left out. */
static void
channels_print_name(const struct channel_entry *channel)
{
	const uint8_t *p = (const uint8_t *)channel->name, *end = p + channel->name_len;
	enum printable_kind kind;

	while (p < end) {
		p += printable_next(p, (size_t)(end - p), &kind);
		if (kind == PRINTABLE_CONTROL)
			return;
	}
	print("%s\n", channel->name);
}

static void
channels_print_json(const struct channel_entry *channel)
{
	json_t *object = record_new();

	record_set_bytes(object, "name", (struct slice){ (const uint8_t *)channel->name, channel->name_len });
	record_set(object, "shard", json_integer(channel->is_shard));
	for (size_t i = 0; i < N_FIGURES; i++)
		record_set(object, figures[i].field, json_integer(channel->values[i]));
	record_write(object);
}

static void
channels_add_row(struct grid *table, const struct channel_entry *channel)
{
	grid_put(table, "%.*s%s", (int)channel->name_len, channel->name, channel->is_shard ? " (shard)" : "");
	for (size_t i = 0; i < N_FIGURES; i++) {
		if (figures[i].is_size)
			grid_put(table, "%s", human_size((uint64_t)channel->values[i]).text);
		else
			grid_put(table, "%" PRId64, channel->values[i]);
	}
}

static void
channels_print(const struct channels_options *o, const struct listing *listing)
{
	struct grid_column columns[1 + N_FIGURES] = { { "CHANNEL", false } };
	struct grid table;

	for (size_t i = 0; i < N_FIGURES; i++)
		columns[1 + i] = figures[i].column;
	grid_init(&table, columns, 1 + N_FIGURES);
	for (size_t i = 0; i < listing->n; i++) {
		if (o->names)
			channels_print_name(&listing->channels[i]);
		else if (o->common.json)
			channels_print_json(&listing->channels[i]);
		else
			channels_add_row(&table, &listing->channels[i]);
	}
	if (!o->names && !o->common.json)
		grid_print(&table);
	grid_deinit(&table);
}

static int
verb_channels_run(const void *options)
{
	const struct channels_options *o = options;
	struct listing listing = { 0 };
	struct ask *a = ask_new(&o->common);
	/* Without a pattern the NULL ends the command before it. */
	int status = ask_each(a, channels_add_cb, &listing, "UDSD", "CHANNELS",
	                      o->common.n_args > 0 ? o->common.args[0] : NULL, NULL);

	if (status == 0 && listing.n > 0)
		qsort(listing.channels, listing.n, sizeof(*listing.channels), channels_compare);
	if (status == 0)
		channels_print(o, &listing);
	for (size_t i = 0; i < listing.n; i++)
		free(listing.channels[i].name);
	free(listing.channels);
	return ask_end(a, status);
}

const struct verb verb_channels = {
	.name = "channels",
	.arguments = "[PATTERN]",
	.summary = "list the channels and what goes through them",
	.rows = rows,
	.args_max = 1,
	.options_size = sizeof(struct channels_options),
	.run = verb_channels_run,
};
