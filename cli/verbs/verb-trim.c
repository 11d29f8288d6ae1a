/* udsctl trim: removes the oldest entries of a stream. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sysexits.h>

#include "ask.h"
#include "entry-id.h"
#include "groups.h"
#include "human.h"
#include "num.h"
#include "options.h"
#include "print.h"
#include "record.h"
#include "say.h"

struct trim_options {
	struct options common;
	const char *max_entries, *before; /* or NULL */
	uint64_t older_than;              /* ms; 0: not given */
};

static const struct option_row rows[] = {
	{ "max-entries", 0, "COUNT", "keep this many", OPTION_NAME, offsetof(struct trim_options, max_entries) },
	{ "older-than", 0, "DURATION", "remove those that were added longer ago, like 7d", OPTION_DURATION,
	  offsetof(struct trim_options, older_than) },
	{ "before", 0, "ID", "remove those before this one", OPTION_NAME, offsetof(struct trim_options, before) },
	OPTION_JSON_ROW,
	OPTION_TIMEOUT_ROW,
	{ 0 },
};

/* What the options mean for XTRIM. Returns 0, or EX_USAGE after saying what is wrong. */
static int
trim_read_options(const struct trim_options *o, const char **ret_word, char value[ENTRY_ID_TEXT])
{
	uint64_t now = groups_now(), count;
	struct entry_id id;

	int given = !!o->max_entries + !!o->before + (o->older_than > 0);

	if (given != 1) {
		say("trim: %s --max-entries, --older-than and --before %s", given == 0 ? "one of" : "only one of",
		    given == 0 ? "is needed" : "can be given");
		return EX_USAGE;
	}
	*ret_word = o->max_entries ? "MAXLEN" : "MINID";
	if (o->max_entries) {
		if (num_parse_u64(o->max_entries, &count) != 0) {
			say("trim: --max-entries: '%s' is not a number", o->max_entries);
			return EX_USAGE;
		}
		snprintf(value, ENTRY_ID_TEXT, "%" PRIu64, count);
	} else if (o->before) {
		if (!entry_id_parse(slice_of(o->before), 0, &id)) {
			say("trim: --before: '%s' is not an ID like 1795269823250-0", o->before);
			return EX_USAGE;
		}
		entry_id_format(value, id);
	} else {
		entry_id_format(value, (struct entry_id){ o->older_than < now ? now - o->older_than : 0, 0 });
	}
	return 0;
}

/* Trims the stream. Returns 0 and how many entries were removed, an exit status after saying why, or as ask(). */
static int
trim_run(struct ask *a, const char *stream, const char *word, const char *value, int64_t *ret_removed)
{
	const struct resp_node *reply;
	int status = ask(a, &reply, "XTRIM", stream, word, "=", value, NULL);

	if (status != 0)
		return status;
	if (reply->type != RESP_INTEGER || reply->integer < 0)
		return ASK_FOREIGN;
	*ret_removed = reply->integer;
	if (reply->integer > 0)
		return 0;
	/* It may just have nothing to remove. */
	status = ask(a, &reply, "EXISTS", stream, NULL);
	if (status != 0)
		return status;
	return reply->type == RESP_INTEGER && reply->integer == 0 ? groups_say_no_stream(slice_of(stream)) : 0;
}

static int
verb_trim_run(const void *options)
{
	const struct trim_options *o = options;
	char value[ENTRY_ID_TEXT];
	int64_t removed;
	const char *word;
	struct ask *a;
	int status = trim_read_options(o, &word, value);

	if (status != 0)
		return status;
	a = ask_new(&o->common);
	status = trim_run(a, o->common.args[0], word, value, &removed);
	if (status == 0 && o->common.json) {
		json_t *record = record_new();

		record_set(record, "removed", json_integer(removed));
		record_write(record);
	} else if (status == 0) {
		print("%" PRId64 " entr%s removed\n", removed, removed == 1 ? "y" : "ies");
	}
	return ask_end(a, status);
}

const struct verb verb_trim = {
	.name = "trim",
	.arguments = "STREAM",
	.summary = "remove the oldest entries of a stream",
	.rows = rows,
	.args_min = 1,
	.args_max = 1,
	.n_names = 1,
	.examples = "udsctl trim --max-entries 100000 logs.app\n"
		    "udsctl trim --older-than 7d logs.app\n",
	.options_size = sizeof(struct trim_options),
	.run = verb_trim_run,
};
