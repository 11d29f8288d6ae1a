/*
 * udsctl import: adds entries to a stream, with the IDs that they have in the JSON lines of export. Commands go in
 * batches, each of which is on the disk before the next one is sent. An ID that is not behind the last one of the
 * stream cannot be added: then the entry is asked for, and should be the same one already, as when a file is imported
 * again, or the rest of it.
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

#include "ask.h"
#include "buf.h"
#include "entry-parse.h"
#include "entry.h"
#include "human.h"
#include "input.h"
#include "memory.h"
#include "options.h"
#include "print.h"
#include "record.h"
#include "resp-encode.h"
#include "say.h"

static const struct option_row rows[] = {
	OPTION_JSON_ROW,
	OPTION_TIMEOUT_ROW,
	{ 0 },
};

/* The most commands, and about the most bytes, of a batch. */
#define IMPORT_COMMANDS ((size_t)1000)
#define IMPORT_BYTES ((size_t)256 * 1024)

struct import {
	struct ask *a;
	struct input *input;
	bool has_input;
	struct slice stream;
	struct entry_id last; /* of the stream, when the batch is done */
	uint64_t line;        /* number of the one read last */
	struct buf batch;
	struct import_item {
		struct entry_text entry;
		uint64_t line;
		bool is_check; /* it is only asked for */
	} * items;             /* of the batch, n of them; the others keep their memory */
	size_t n, replies;
	struct slice *words; /* of the command at hand, room for n_words */
	size_t n_words;
	uint64_t added, present, different, refused;
};

static void
import_put(struct import *im, size_t n)
{
	size_t size = resp_command_size(im->words, n);

	memory_check(buf_reserve(&im->batch, size));
	im->batch.len += resp_put_command((char *)im->batch.data + im->batch.len, im->words, n);
}

/* Appends the command for the item. */
static void
import_put_item(struct import *im, const struct import_item *item)
{
	const struct entry_text *e = &item->entry;
	char id[ENTRY_ID_TEXT];
	struct slice id_word = { (const uint8_t *)id, entry_id_format(id, e->id) };

	if (im->n_words < 3 + e->n_words + 1) {
		im->n_words = 3 + e->n_words + 1;
		im->words = memory_resize(im->words, im->n_words * sizeof(im->words[0]));
	}
	im->words[0] = (struct slice){ (const uint8_t *)(item->is_check ? "XRANGE" : "XADD"), item->is_check ? 6 : 4 };
	im->words[1] = im->stream;
	im->words[2] = im->words[3] = id_word;
	if (item->is_check) {
		import_put(im, 4);
		return;
	}
	memcpy(im->words + 3, e->words, e->n_words * sizeof(e->words[0]));
	import_put(im, 3 + e->n_words);
}

static bool
import_is_word(struct slice a, struct slice b)
{
	return a.len == b.len && memcmp(a.p, b.p, a.len) == 0;
}

static bool
import_is_sender(struct slice name)
{
	return name.len == strlen(ENTRY_SENDER) && memcmp(name.p, ENTRY_SENDER, name.len) == 0;
}

/* But for who has added it: that may be who has imported it. */
static bool
import_is_same(const struct entry_text *a, const struct entry *b)
{
	const struct resp_node *node = b->fields + 1, *end = node + b->fields->elements;

	for (size_t i = 0; i < a->n_words; i += 2) {
		if (import_is_sender(a->words[i]))
			continue;
		while (node < end && import_is_sender(node->text))
			node += 2;
		if (node == end || !import_is_word(a->words[i], node[0].text) ||
		    !import_is_word(a->words[i + 1], node[1].text))
			return false;
		node += 2;
	}
	while (node < end && import_is_sender(node->text))
		node += 2;
	return node == end;
}

/* Says what is wrong with an entry; of each kind of mistake only the first one. */
static void
import_complain(uint64_t *count, const struct import_item *item, const char *what)
{
	char id[ENTRY_ID_TEXT];

	entry_id_format(id, item->entry.id);
	if ((*count)++ == 0)
		say("import: line %" PRIu64 ": %s: %s", item->line, id, what);
}

static int
import_reply_cb(const struct resp_node *node, void *arg)
{
	struct import *im = arg;
	const struct import_item *item = &im->items[im->replies++];
	struct entry e;

	if (!item->is_check) {
		im->added++;
		return node->type == RESP_BULK ? 0 : ASK_FOREIGN;
	}
	if (node->type != RESP_ARRAY || (node->elements > 0 && !entry_read(node + 1, &e)))
		return ASK_FOREIGN;
	if (node->elements == 0)
		import_complain(&im->refused, item,
		                "is not in the stream, and cannot be added before the last ID of the stream");
	else if (!import_is_same(&item->entry, &e))
		import_complain(&im->different, item, "is in the stream with other fields");
	else
		im->present++;
	return 0;
}

static int
import_send(struct import *im)
{
	struct slice batch = { im->batch.data, im->batch.len };
	int status;

	im->replies = 0;
	status = ask_all(im->a, batch, im->n, false, import_reply_cb, im);
	im->n = 0;
	im->batch.len = 0;
	return status;
}

/* Adds the line to the batch. Returns 0, or an exit status after saying why. */
static int
import_take(struct import *im, struct slice line)
{
	struct import_item *item = &im->items[im->n];
	const char *mistake = NULL;
	int status;

	im->line++;
	if (line.len == 0)
		return 0;
	mistake = entry_parse(line, &item->entry);
	if (mistake) {
		status = import_send(im);
		say("import: line %" PRIu64 ": %s", im->line, mistake);
		return status != 0 ? status : EX_DATAERR;
	}
	item->line = im->line;
	item->is_check = entry_id_compare(item->entry.id, im->last) <= 0;
	if (!item->is_check)
		im->last = item->entry.id;
	import_put_item(im, item);
	im->n++;
	return im->n == IMPORT_COMMANDS || im->batch.len >= IMPORT_BYTES ? import_send(im) : 0;
}

static void
import_input_cb(void *arg)
{
	struct import *im = arg;

	im->has_input = true;
	input_want(im->input, false);
}

/* Imports what standard input holds. */
static int
import_read(struct import *im)
{
	struct slice line;
	int status = 0;

	while (status == 0) {
		switch (input_next(im->input, &line)) {
		case INPUT_OK:
			status = import_take(im, line);
			break;
		case INPUT_MORE:
			im->has_input = false;
			status = import_send(im);
			input_want(im->input, true);
			if (status == 0)
				status = ask_until(im->a, &im->has_input);
			break;
		case INPUT_END:
			return import_send(im);
		case INPUT_FAILED:
			say("import: reading standard input: %s", strerror(input_error(im->input)));
			return EX_IOERR;
		}
	}
	return status;
}

/* Finds the last ID of the stream, which need not exist. */
static int
import_begin(struct import *im)
{
	const struct slice words[] = { { (const uint8_t *)"EXISTS", 6 }, im->stream };
	const struct slice info[] = { { (const uint8_t *)"XINFO", 5 }, { (const uint8_t *)"STREAM", 6 }, im->stream };
	const struct resp_node *reply;
	int status = ask_words(im->a, &reply, words, 2);

	if (status != 0 || reply->integer == 0)
		return status;
	status = ask_words(im->a, &reply, info, 3);
	if (status != 0)
		return status;
	reply = ask_lookup(reply, "last-generated-id");
	return reply && entry_id_parse(reply->text, 0, &im->last) ? 0 : ASK_FOREIGN;
}

static void
import_report(const struct import *im, bool json)
{
	json_t *record;

	if (json) {
		record = record_new();
		record_set(record, "added", json_integer((json_int_t)im->added));
		record_set(record, "present", json_integer((json_int_t)im->present));
		record_set(record, "different", json_integer((json_int_t)im->different));
		record_set(record, "refused", json_integer((json_int_t)im->refused));
		record_write(record);
		return;
	}
	print("%" PRIu64 " entr%s added, %" PRIu64 " there already", im->added, im->added == 1 ? "y" : "ies",
	      im->present);
	if (im->different > 0)
		print(", %" PRIu64 " there with other fields", im->different);
	if (im->refused > 0)
		print(", %" PRIu64 " before the last ID", im->refused);
	print("\n");
}

static int
verb_import_run(const void *options)
{
	const struct options *o = options;
	struct input_file file = { .fd = STDIN_FILENO };
	struct import im = { .stream = slice_of(o->args[0]) };
	int status;

	if (!record_is_possible("import"))
		return EX_USAGE;
	im.items = memory_alloc(IMPORT_COMMANDS * sizeof(im.items[0]));
	im.a = ask_new(o);
	im.input = input_new(ask_loop(im.a), &file, 1, INPUT_LINES, import_input_cb, &im);
	status = import_begin(&im);
	if (status == 0) {
		status = import_read(&im);
		import_report(&im, o->json);
		if (status == 0 && im.different + im.refused > 0)
			status = EX_DATAERR;
	}
	input_free(im.input);
	for (size_t i = 0; i < IMPORT_COMMANDS; i++)
		entry_parse_deinit(&im.items[i].entry);
	free(im.items);
	free(im.words);
	buf_deinit(&im.batch);
	return ask_end(im.a, status);
}

const struct verb verb_import = {
	.name = "import",
	.arguments = "STREAM",
	.summary = "add the entries that export has printed",
	.rows = rows,
	.args_min = 1,
	.args_max = 1,
	.n_names = 1,
	.examples = "zcat jobs.json.gz | udsctl import jobs\n",
	.options_size = sizeof(struct options),
	.run = verb_import_run,
};
