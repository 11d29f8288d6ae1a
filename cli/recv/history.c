/* Entries go from the reader into the sink, and the ledger remembers which are handled. */
#include "history.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sysexits.h>
#include <time.h>

#include "buf.h"
#include "client.h"
#include "ledger.h"
#include "loop.h"
#include "memory.h"
#include "message.h"
#include "reader.h"
#include "receiver.h"
#include "record.h"
#include "recv-options.h"
#include "say.h"

struct history {
	struct receiver receiver;
	struct ledger ledger;
	struct reader *reader;
	struct reader_stream *streams; /* n of them */
	size_t n;
	struct buf fields; /* of the entry at hand */
	bool is_absent;    /* one of the streams, with --no-wait, on this connection */
};

bool
history_is_asked(const struct recv_options *o)
{
	return o->from || o->position || o->into || o->no_wait;
}

static uint64_t
history_left(void *arg)
{
	struct history *h = arg;

	return loop_is_ending(h->receiver.loop) || h->receiver.finishing ? 0 : receiver_left(&h->receiver);
}

static void
history_take(void *arg, const struct reader_stream *s, const struct entry *e)
{
	struct history *h = arg;
	struct message m = { .channel = s->name };
	char id[ENTRY_ID_TEXT];

	if (!ledger_take(&h->ledger))
		return;
	m.id = (struct slice){ (const uint8_t *)id, entry_id_format(id, e->id) };
	m.time = (struct timespec){ (time_t)(e->id.ms / 1000), (long)(e->id.ms % 1000) * 1000000 };
	if (!entry_is_message(e, &m.payload)) {
		h->fields.len = 0;
		entry_put_fields(e, &h->fields);
		m.payload = (struct slice){ h->fields.data, h->fields.len };
		m.fields = e;
	}
	sink_take(h->receiver.sink, NULL, &m);
	ledger_took(&h->ledger, s->name, &s->place);
}

static void
history_took(void *arg)
{
	struct history *h = arg;

	if (ledger_took_all(&h->ledger))
		receiver_took(&h->receiver);
}

/* The places are known. They are saved: "last" or "-10m" would be another place after a crash. */
static void
history_ready(void *arg)
{
	struct history *h = arg;

	for (size_t i = 0; i < h->n; i++)
		ledger_begin(&h->ledger, h->streams[i].name, &h->streams[i].place);
	if (!h->ledger.is_dirty || ledger_save(&h->ledger) == 0)
		receiver_took(&h->receiver);
}

static void
history_handled(void *arg)
{
	struct history *h = arg;

	ledger_handled(&h->ledger);
}

static void
history_drained(void *arg)
{
	struct history *h = arg;

	receiver_finish(&h->receiver, EX_OK);
}

static void
history_missed(void *arg, const struct reader_stream *s, uint64_t n)
{
	struct history *h = arg;
	int len = (int)s->name.len;
	const char *name = (const char *)s->name.p;
	char id[ENTRY_ID_TEXT];

	entry_id_format(id, s->place.id);
	sink_flush(h->receiver.sink); /* on a terminal the line then stands where the entries are missing */
	if (n == PLACE_COUNT_UNKNOWN) {
		say("'%.*s' begins behind %s: entries may be missing; how many is not known", len, name, id);
		return;
	}
	h->receiver.missed += n;
	ledger_took(&h->ledger, s->name, &s->place); /* else it would be said again */
	ledger_handled(&h->ledger);
	say("missed %" PRIu64 " entr%s of '%.*s' behind %s: removed from the stream before %s read", n,
	    n == 1 ? "y" : "ies", len, name, id, n == 1 ? "it was" : "they were");
}

static void
history_absent(void *arg, const struct reader_stream *s)
{
	struct history *h = arg;
	int len = (int)s->name.len;
	const char *name = (const char *)s->name.p;

	if (!h->receiver.o->no_wait) {
		say_notice("there is no stream '%.*s' yet; waiting for it", len, name);
		return;
	}
	h->is_absent = true;
	say("there is no stream '%.*s'", len, name);
}

static void
history_is_short(void *arg, const struct reader_stream *s, struct entry_id last)
{
	char id[ENTRY_ID_TEXT], last_id[ENTRY_ID_TEXT];

	(void)arg;
	entry_id_format(id, s->place.id);
	entry_id_format(last_id, last);
	say("the last ID of '%.*s', %s, is before the position, %s: the stream was made anew or comes from a backup; "
	    "entries up to there are not read",
	    (int)s->name.len, (const char *)s->name.p, last_id, id);
}

static void
history_refused(void *arg, struct slice error)
{
	struct history *h = arg;

	receiver_refused(&h->receiver, error);
}

static void
history_up(void *arg)
{
	struct history *h = arg;

	h->is_absent = false;
	receiver_is_up(&h->receiver);
}

static void
history_heard(void *arg)
{
	struct history *h = arg;

	receiver_heard(&h->receiver);
}

static void
history_down(void *arg)
{
	struct history *h = arg;

	receiver_is_down(&h->receiver);
}

static void
history_pace(void *arg, bool is_full)
{
	struct history *h = arg;

	if (!is_full)
		reader_go(h->reader);
}

static bool
history_is_waiting(void *arg)
{
	struct history *h = arg;

	return reader_is_waiting(h->reader);
}

static const struct reader_ops history_reader_ops = {
	.up = history_up,
	.heard = history_heard,
	.down = history_down,
	.ready = history_ready,
	.left = history_left,
	.take = history_take,
	.took = history_took,
	.drained = history_drained,
	.missed = history_missed,
	.absent = history_absent,
	.is_short = history_is_short,
	.refused = history_refused,
};

static const struct receiver_ops history_receiver_ops = {
	.pace = history_pace,
	.is_waiting = history_is_waiting,
	.handled = history_handled,
};

/* Makes the streams, each once, with the place where it begins. */
static void
history_set_streams(struct history *h, const struct recv_options *o, const struct place *from)
{
	h->streams = memory_alloc(o->common.n_args * sizeof(h->streams[0]));
	for (size_t i = 0; i < o->common.n_args; i++) {
		struct slice name = slice_of(o->common.args[i]);
		const struct position *known = ledger_find(&h->ledger, name);
		struct reader_stream *s = &h->streams[h->n];
		size_t at = 0;

		while (at < h->n && strcmp((const char *)h->streams[at].name.p, o->common.args[i]) != 0)
			at++;
		if (at < h->n)
			continue;
		h->n++;
		s->name = name;
		s->place = *from;
		if (known)
			s->place = (struct place){ .is_entry = true, .id = known->id, .count = known->count };
	}
}

/* Returns 0, or EX_USAGE after saying what is wrong. */
static int
history_check_options(const struct recv_options *o, struct place *ret_from)
{
	const char *mistake = NULL;
	struct stat st;

	if (o->patterns.n > 0)
		mistake = "streams are read by their names; -p cannot be combined with --from, --position, --into and "
			  "--no-wait";
	else if (o->common.n_args == 0)
		mistake = "no stream; try 'udsctl recv --help'";
	else if (o->from && !place_parse(o->from, ret_from))
		mistake = "--from: use first, last, new, an ID like 1795269823250-0, or a time ago like -10m";
	if (mistake) {
		say("recv: %s", mistake);
		return EX_USAGE;
	}
	if (o->into && stat(o->into, &st) == 0 && S_ISDIR(st.st_mode)) {
		say("recv: --into: '%s' is a directory; name a file", o->into);
		return EX_CANTCREAT;
	}
	return record_is_possible("recv: reading streams") ? 0 : EX_USAGE;
}

static int
history_receive(struct history *h, const struct recv_options *o, const struct place *from)
{
	int status = ledger_init(&h->ledger, h->receiver.loop, h->receiver.sink, o), saved;

	if (status != 0)
		return status;
	history_set_streams(h, o, from);
	h->reader = reader_new(h->receiver.loop, &o->common.addr, h->streams, h->n, o->no_wait, &history_reader_ops, h);
	h->receiver.client = reader_client(h->reader);
	status = receiver_run(&h->receiver);
	saved = h->ledger.has_failed ? 0 : ledger_save(&h->ledger);
	status = receiver_report(&h->receiver, status);
	if (status == EX_OK)
		status = saved;
	return status == EX_OK && h->is_absent ? EX_NOINPUT : status;
}

int
history_run(const struct recv_options *o)
{
	struct place from = { .start = PLACE_FIRST };
	struct history h = { 0 };
	int status = history_check_options(o, &from);

	if (status != 0)
		return status;
	status = receiver_init(&h.receiver, o, &history_receiver_ops, &h);
	if (status == 0)
		status = history_receive(&h, o, &from);
	reader_free(h.reader);
	ledger_deinit(&h.ledger);
	receiver_deinit(&h.receiver);
	buf_deinit(&h.fields);
	free(h.streams);
	return status;
}
