/*
 * The files of the chain are read one after the other, the older first. Each line that is handed out stands in `sent`
 * until it is answered; then the place in its file moves on, and with it the position.
 */
#include "follow.h"

#include <errno.h>
#include <event2/event.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <sysexits.h>
#include <unistd.h>

#include "chain.h"
#include "loop.h"
#include "memory.h"
#include "say.h"
#include "siphash.h"
#include "timer.h"
#include "watch.h"

/* In ms. */
#define LOOK_MS 1000      /* what inotify does not tell is noticed after so long, and the position saved */
#define LOOK_ALONE_MS 200 /* the same without inotify */

/* A line that is not answered. */
struct follow_sent {
	struct follow_file *file;
	uint64_t end; /* in the file */
};

struct follow {
	struct follow_options o;
	input_cb *cb;
	void *arg;
	struct chain chain;
	struct buf sent; /* struct follow_sent, from sent_at on */
	size_t sent_at;
	uint64_t taken, bytes;
	bool stopped, failed;

	const struct follow_file *last; /* that the last line came from, with its place and text */
	uint64_t last_end, last_number;
	struct slice last_line;
	char producer[48];
	uint64_t producer_generation;

	struct watch *watch; /* of the name */
	int inotify;         /* of the files; or -1 */
	struct event *event;
	struct timer look;
};

int
follow_open(const struct follow_options *options, struct follow **ret_follow)
{
	struct follow *f = memory_alloc(sizeof(*f));
	int status;

	f->o = *options;
	f->inotify = -1;
	status = chain_open(&f->chain, options->path, options->position, options->delimiter);
	if (status == EX_OK)
		*ret_follow = f;
	else
		follow_free(f);
	return status;
}

void
follow_free(struct follow *f)
{
	if (!f)
		return;
	chain_close(&f->chain);
	buf_deinit(&f->sent);
	watch_free(f->watch);
	timer_deinit(&f->look);
	if (f->event)
		event_free(f->event);
	if (f->inotify >= 0)
		close(f->inotify);
	free(f);
}

static void
follow_look_cb(void *arg)
{
	struct follow *f = arg;

	timer_set(&f->look, f->inotify >= 0 ? LOOK_MS : LOOK_ALONE_MS);
	if (loop_now() - f->chain.saved_at >= LOOK_MS)
		chain_save(&f->chain);
	chain_note(&f->chain);
	f->cb(f->arg);
}

static void
follow_event_cb(evutil_socket_t fd, short what, void *arg)
{
	struct follow *f = arg;
	char events[4096];

	(void)what;
	while (read(fd, events, sizeof(events)) > 0)
		continue;
	chain_note(&f->chain);
	f->cb(f->arg);
}

void
follow_start(struct follow *f, struct loop *loop, input_cb *cb, void *arg)
{
	f->cb = cb;
	f->arg = arg;
	f->watch = watch_new(loop, f->o.path, cb, arg);
	watch_start(f->watch);
	f->inotify = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
	timer_init(&f->look, loop, follow_look_cb, f);
	timer_set(&f->look, f->inotify >= 0 ? LOOK_MS : LOOK_ALONE_MS);
	if (f->inotify < 0)
		return;
	f->event = event_new(loop_base(loop), f->inotify, EV_READ | EV_PERSIST, follow_event_cb, f);
	memory_check(f->event ? 0 : -1);
	event_add(f->event, NULL);
	chain_watch(&f->chain, f->inotify);
}

/* The next line of the file, if it has one now. */
static enum input_status
follow_next_of(struct follow *f, struct follow_file *file, struct slice *ret_line)
{
	while (!follow_file_next(file, ret_line)) {
		bool was_empty = file->head_len == 0;

		if (follow_file_unfinished(file) > INPUT_MESSAGE_MAX) {
			say("'%s': a line is longer than %zu bytes", f->o.path, INPUT_MESSAGE_MAX);
			f->failed = true;
			return INPUT_FAILED;
		}
		if (f->stopped || file->fd < 0)
			return INPUT_MORE;
		switch (follow_file_read(file)) {
		case FOLLOW_DATA:
			file->quiet_at = loop_now();
			if (was_empty)
				chain_check_first(&f->chain, file);
			break;
		case FOLLOW_END:
			return INPUT_MORE;
		case FOLLOW_CUT:
			chain_cut(&f->chain, file);
			break;
		case FOLLOW_FAILED:
			chain_complain(&f->chain, errno);
			return INPUT_MORE;
		}
	}
	return INPUT_OK;
}

static void
follow_hand_out(struct follow *f, const struct follow_file *file, struct slice line)
{
	struct follow_sent sent = { (struct follow_file *)file, file->offset };

	memory_check(buf_append(&f->sent, &sent, sizeof(sent)));
	f->taken++;
	f->bytes += line.len + 1;
	f->last = file;
	f->last_line = line;
	f->last_end = file->offset;
	f->last_number = file->line - 1;
}

/* The next line of any file. */
static enum input_status
follow_next_of_all(struct follow *f, struct slice *ret_line)
{
	struct follow_file *file, *next;

	for (file = TAILQ_FIRST(&f->chain.files); file; file = next) {
		enum input_status status = follow_next_of(f, file, ret_line);

		next = TAILQ_NEXT(file, link);
		if (status == INPUT_MORE && !f->stopped && chain_is_given_up(&f->chain, file)) {
			if (follow_file_rest(file, ret_line))
				status = INPUT_OK;
			else if (file->done_offset == file->offset)
				chain_drop(&f->chain, file);
		}
		if (status == INPUT_OK)
			follow_hand_out(f, file, *ret_line);
		if (status != INPUT_MORE)
			return status;
	}
	return INPUT_MORE;
}

enum input_status
follow_next(struct follow *f, struct slice *ret_line)
{
	enum input_status status;

	do
		status = follow_next_of_all(f, ret_line);
	while (status == INPUT_MORE && !f->stopped && chain_look(&f->chain));
	return status == INPUT_MORE && f->stopped ? INPUT_END : status;
}

void
follow_get_origin(struct follow *f, struct follow_origin *ret_origin, bool *ret_changed)
{
	struct siphash_key key = { f->chain.position.identity, f->last->generation };

	*ret_changed = f->producer_generation != f->last->generation;
	if (*ret_changed)
		snprintf(f->producer, sizeof(f->producer), "%016" PRIx64 ".%" PRIu64, key.k0, key.k1);
	f->producer_generation = f->last->generation;
	ret_origin->producer = slice_of(f->producer);
	ret_origin->number = f->last_number;
	ret_origin->sum = (siphash(&key, f->last_line.p, f->last_line.len) + f->last_end) | 1;
}

void
follow_done(struct follow *f, uint64_t n)
{
	struct follow_sent sent;

	f->chain.is_saved = f->chain.is_saved && n == 0;
	for (; n > 0; n--) {
		memcpy(&sent, f->sent.data + f->sent_at, sizeof(sent));
		f->sent_at += sizeof(sent);
		sent.file->done_offset = sent.end;
		sent.file->done_line++;
	}
	if (f->sent_at > f->sent.len / 2) {
		buf_consume(&f->sent, f->sent_at);
		f->sent_at = 0;
	}
	if (loop_now() - f->chain.saved_at >= LOOK_MS)
		chain_save(&f->chain);
}

void
follow_stop(struct follow *f)
{
	f->stopped = true;
}

bool
follow_has_failed(const struct follow *f)
{
	return f->failed;
}

uint64_t
follow_taken(const struct follow *f)
{
	return f->taken;
}

uint64_t
follow_bytes(const struct follow *f)
{
	return f->bytes;
}
