#include "send-options.h"

#include <errno.h>
#include <string.h>
#include <sysexits.h>
#include <time.h>

#include "entry.h"
#include "memory.h"
#include "resp-encode.h"
#include "say.h"
#include "when.h"

const struct option_row send_rows[] = {
	{ "file", 'f', "FILE", "read FILE (-: standard input); several go in order", OPTION_LIST,
	  offsetof(struct send_options, files) },
	{ "follow", 0, "FILE", "send each line that FILE gets, across rotation", OPTION_NAME,
	  offsetof(struct send_options, follow) },
	{ "position", 0, "FILE", "keep in FILE what is sent, and go on there", OPTION_NAME,
	  offsetof(struct send_options, position) },
	{ "null", '0', NULL, "messages end with a NUL instead of a newline", OPTION_FLAG,
	  offsetof(struct send_options, null) },
	{ "whole", 0, NULL, "all of an input is one message", OPTION_FLAG, offsetof(struct send_options, whole) },
	{ "rate", 0, "RATE", "send at most so many messages: 100/s, 6000/m", OPTION_RATE,
	  offsetof(struct send_options, rate) },
	{ "store", 0, NULL, "add each message to the stream, once, and wait for the disk", OPTION_FLAG,
	  offsetof(struct send_options, store) },
	{ "delay", 0, "DURATION", "add it after this long", OPTION_DURATION, offsetof(struct send_options, delay_ms) },
	{ "at", 0, "TIME", "add it at 06:00, '2026-12-01 06:00', 'tomorrow 06:00', @UNIX", OPTION_NAME,
	  offsetof(struct send_options, at) },
	{ "id", 0, "KEY", "add nothing that was added with this KEY already", OPTION_NAME,
	  offsetof(struct send_options, id) },
	{ "field", 0, "NAME=VALUE", "add this field to each entry, too", OPTION_LIST,
	  offsetof(struct send_options, fields) },
	{ "print-id", 0, NULL, "print the ids of the entries", OPTION_FLAG, offsetof(struct send_options, print_id) },
	{ "wait-receiver", 0, "[=N]", "messages wait until a receiver is there, or N", OPTION_COUNT,
	  offsetof(struct send_options, wait_receivers) },
	{ "rejoin", 0, "DURATION", "wait so long for receivers after a reconnect (5s)", OPTION_LIMIT,
	  offsetof(struct send_options, rejoin) },
	{ "require-receiver", 0, NULL, "end with status 69 if a message reached nobody", OPTION_FLAG,
	  offsetof(struct send_options, require_receiver) },
	{ "timeout", 0, "DURATION", "give up after this long without an answer; 0: never (5s with a MESSAGE, else 0)",
	  OPTION_TIMEOUT, 0 },
	{ "queue-bytes", 0, "SIZE", "hold at most this much unanswered (16M)", OPTION_SIZE,
	  offsetof(struct send_options, queue_bytes) },
	{ "spool", 0, "FILE", "keep what is not answered in FILE, and send it first", OPTION_NAME,
	  offsetof(struct send_options, spool) },
	{ "spool-bytes", 0, "SIZE", "the spool takes at most this much of the disk (1G)", OPTION_SIZE,
	  offsetof(struct send_options, spool_bytes) },
	{ "spool-sync", 0, NULL, "send messages only after they are on the disk", OPTION_FLAG,
	  offsetof(struct send_options, spool_sync) },
	{ "progress", 0, NULL, "say how far it is (by itself on a terminal)", OPTION_FLAG,
	  offsetof(struct send_options, progress) },
	{ "no-progress", 0, NULL, "do not", OPTION_FLAG, offsetof(struct send_options, no_progress) },
	{ "summary", 0, NULL, "at the end say how many messages went where", OPTION_FLAG,
	  offsetof(struct send_options, summary) },
	{ 0 },
};

/* Returns what is wrong with the options, or NULL. */
static const char *
send_find_conflict(const struct send_options *o)
{
	bool is_later = o->delay_ms > 0 || o->at;

	if (o->files.n > 0 && o->common.n_args > 1)
		return "messages come from --file or from arguments, not from both";
	if (o->follow && (o->files.n > 0 || o->common.n_args > 1 || o->whole))
		return "--follow reads lines of one file, not messages from elsewhere";
	if (o->follow && o->spool)
		return "--follow needs no spool: what is not answered is in the file, see --position";
	if (o->position && !o->follow)
		return "--position needs --follow";
	if (o->spool_sync && !o->spool)
		return "--spool-sync needs --spool";
	if (o->spool_bytes > 0 && !o->spool)
		return "--spool-bytes needs --spool";
	if (o->wait_receivers > PROTOCOL_WAIT_RECEIVERS_MAX)
		return "--wait-receiver: the daemon waits for at most 65535 receivers";
	if (!o->store && (is_later || o->id || o->fields.n > 0 || o->print_id))
		return is_later          ? "--delay and --at need --store"
		       : o->id           ? "--id needs --store"
		       : o->fields.n > 0 ? "--field needs --store"
		                         : "--print-id needs --store";
	if (o->store && (o->wait_receivers > 0 || o->require_receiver || o->rejoin.given))
		return "a stream needs no receiver: --wait-receiver, --require-receiver and --rejoin go without "
		       "--store";
	if (o->delay_ms > 0 && o->at)
		return "--delay or --at, not both";
	if (o->progress && o->no_progress)
		return "--progress or --no-progress, not both";
	if (o->id && strlen(o->id) > WAY_KEY_MAX)
		return "--id: the KEY has more than 512 bytes";
	return NULL;
}

/* --field: bulk strings as a command has them. */
static bool
send_add_field(struct send_options *o, const char *text)
{
	const char *equals = strchr(text, '=');
	struct buf *b = &o->more;

	if (!equals || equals == text) {
		say("send: --field: '%s' is not NAME=VALUE", text);
		return false;
	}
	if (strncmp(text, ENTRY_MESSAGE "=", strlen(ENTRY_MESSAGE "=")) == 0 || strncmp(text, "udsd-", 5) == 0) {
		say("send: --field: '%s' has the name of a field that udsctl makes itself: message, udsd-...", text);
		return false;
	}
	memory_check(buf_reserve(b, strlen(text) + 2 * (RESP_HEADER_MAX + 2)));
	b->len += resp_put_bulk((char *)b->data + b->len, text, (size_t)(equals - text));
	b->len += resp_put_bulk((char *)b->data + b->len, equals + 1, strlen(equals + 1));
	o->way.n_fields += 2;
	return true;
}

static bool
send_set_at(struct send_options *o)
{
	uint64_t now_ms = (uint64_t)time(NULL) * 1000;
	int r = when_parse(o->at, now_ms, &o->way.due_ms);

	if (r == -EINVAL)
		say("send: --at: '%s' is not a time (try 06:00, '2026-12-01 06:00', 'tomorrow 06:00' or @UNIX)", o->at);
	else if (r < 0)
		say("send: --at: there is no '%s'", o->at);
	else if (*o->at != '@' && o->way.due_ms < now_ms)
		say("send: --at: '%s' has passed", o->at);
	else
		return true;
	return false;
}

int
send_options_complete(struct send_options *o)
{
	const char *conflict = send_find_conflict(o);

	if (conflict) {
		say("send: %s", conflict);
		return EX_USAGE;
	}
	for (size_t i = 0; i < o->fields.n; i++)
		if (!send_add_field(o, o->fields.texts[i]))
			return EX_USAGE;
	if (o->more.len > WAY_FIELDS_MAX) {
		say("send: the fields have more than %zu bytes", WAY_FIELDS_MAX);
		return EX_USAGE;
	}
	o->way.fields = (struct slice){ o->more.data, o->more.len };
	if (o->id)
		o->way.key = slice_of(o->id);
	if (o->store)
		o->way.kind = o->delay_ms > 0 || o->at ? WAY_LATER : WAY_STORE;
	return o->at && !send_set_at(o) ? EX_USAGE : EX_OK;
}
