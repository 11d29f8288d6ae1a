/*
 * udsctl export: prints the entries of a stream as JSON lines. It reads with XREAD, whose answers end at a size as well
 * as at a number of entries, up to the ID that was the last one when it began; so it takes little memory, and ends
 * while others add.
 */
#include <string.h>
#include <sysexits.h>

#include "ask.h"
#include "entry.h"
#include "groups.h"
#include "options.h"
#include "place.h"
#include "print.h"
#include "record.h"
#include "say.h"

struct export_options {
	struct options common;
	const char *from; /* or NULL */
};

static const struct option_row rows[] = {
	{ "from", 0, "WHERE", "begin at first, last, new, behind an ID, or at -10m", OPTION_NAME,
	  offsetof(struct export_options, from) },
	OPTION_TIMEOUT_ROW,
	{ 0 },
};

/* Entries in an answer. */
#define EXPORT_PAGE "1000"

/* Prints the entries of an answer. *at: the ID of the last one. Returns 0, ASK_DONE when `last` is reached, or another
 * status. */
static int
export_print(const struct resp_node *reply, struct entry_id last, struct entry_id *at)
{
	const struct resp_node *list = reply + 3, *node = list + 1;
	char id[ENTRY_ID_TEXT];
	json_t *record;
	struct entry e;

	if (reply->type == RESP_NULL)
		return ASK_DONE; /* the rest was removed meanwhile */
	if (reply->type != RESP_ARRAY || reply->elements != 1 || reply[1].elements != 2 || list->type != RESP_ARRAY)
		return ASK_FOREIGN;
	for (size_t i = 0; i < list->elements; i++, node = reply + node->end) {
		if (!entry_read(node, &e))
			return ASK_FOREIGN;
		*at = e.id;
		if (entry_id_compare(e.id, last) > 0)
			break;
		record = record_new();
		entry_id_format(id, e.id);
		record_set_string(record, "id", id);
		record_set(record, "fields", entry_fields(&e));
		record_write(record);
	}
	return entry_id_compare(*at, last) < 0 ? 0 : ASK_DONE;
}

/* Asks where the stream begins for --from, and where it ends. */
static int
export_find_range(struct ask *a, const char *stream, const struct place *from, struct entry_id *ret_at,
                  struct entry_id *ret_last)
{
	const struct slice words[] = { { (const uint8_t *)"XINFO", 5 },
		                       { (const uint8_t *)"STREAM", 6 },
		                       slice_of(stream) };
	const struct resp_node *reply, *last;
	struct entry e;
	int status = ask_try(a, &reply, words, 3);

	if (status != 0)
		return status;
	if (reply->type == RESP_ERROR)
		return groups_refuse_stream(reply, words[2]);
	last = ask_lookup(reply, "last-generated-id");
	if (!last || !entry_id_parse(last->text, 0, ret_last))
		return ASK_FOREIGN;
	*ret_at = from->id;
	if (from->start == PLACE_FIRST)
		*ret_at = ENTRY_ID_MIN;
	if (from->start == PLACE_LAST || from->start == PLACE_NEW)
		*ret_at = *ret_last;
	if (from->start != PLACE_LAST)
		return 0;
	status = ask(a, &reply, "XREVRANGE", stream, "+", "-", "COUNT", "1", NULL);
	if (status == 0 && reply->elements > 0 && entry_read(reply + 1, &e))
		*ret_at = entry_id_before(e.id);
	return status;
}

static int
export_run(struct ask *a, const char *stream, const struct place *from)
{
	const struct resp_node *reply;
	struct entry_id at, last;
	char id[ENTRY_ID_TEXT];
	int status = export_find_range(a, stream, from, &at, &last), flushed;

	if (status != 0)
		return status;
	if (entry_id_compare(at, last) >= 0)
		return 0;
	while (status == 0) {
		entry_id_format(id, at);
		status = ask(a, &reply, "XREAD", "COUNT", EXPORT_PAGE, "STREAMS", stream, id, NULL);
		if (status == 0)
			status = export_print(reply, last, &at);
		flushed = status == 0 || status == ASK_DONE ? ask_flush(a) : 0;
		if (flushed != 0)
			return flushed;
	}
	return status == ASK_DONE ? 0 : status;
}

static int
verb_export_run(const void *options)
{
	const struct export_options *o = options;
	struct place from = { .start = PLACE_FIRST };
	struct ask *a;

	if (!record_is_possible("export"))
		return EX_USAGE;
	if (o->from && !place_parse(o->from, &from)) {
		say("export: --from: use first, last, new, an ID like 1795269823250-0, or a time ago like -10m");
		return EX_USAGE;
	}
	a = ask_new(&o->common);
	return ask_end(a, export_run(a, o->common.args[0], &from));
}

const struct verb verb_export = {
	.name = "export",
	.arguments = "STREAM",
	.summary = "print the entries of a stream as JSON, for import",
	.rows = rows,
	.args_min = 1,
	.args_max = 1,
	.n_names = 1,
	.examples = "udsctl export jobs | gzip > jobs.json.gz\n",
	.options_size = sizeof(struct export_options),
	.run = verb_export_run,
};
