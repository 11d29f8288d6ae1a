/*
 * Without a spool, messages go straight from the input to source_next(). With one, source_fill() moves them as they
 * come, a batch at a time: from the input into the batch, the batch into the file, and only then do they count as read
 * from the input. So each message is always in the input or in the file, whenever the process dies. What of a batch
 * cannot be written stays and is tried again every second, and whenever answers may have made room; nothing is read
 * meanwhile.
 */
#include "source.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

#include "human.h"
#include "input.h"
#include "loop.h"
#include "memory.h"
#include "say.h"
#include "send-options.h"
#include "source-spool.h"
#include "spool.h"
#include "timer.h"

/* Bytes in a batch of the spool; more would gain nothing. */
#define BATCH_BYTES ((uint64_t)256 * 1024)
#define RETRY_MS 1000

struct source {
	const struct send_options *o;
	struct loop *loop;
	struct input_file *files;
	size_t n_files;
	struct input *input;  /* NULL for messages from arguments */
	struct slice channel; /* of the last message */
	size_t next_arg;
	bool ended;    /* nothing more comes in */
	uint64_t done; /* messages answered or refused */

	struct spool *spool;  /* or NULL */
	uint64_t left_before; /* messages that were in it at the start */
	bool lost;            /* some of those were damaged */
	bool failed;          /* the spool cannot be read */
	bool stuck;           /* something cannot be written to the spool */
	uint64_t stuck_at;    /* when that was last so */
	bool said_stuck, said_full;
	struct timer retry;
};

/* Opens all files at once, so that a wrong name is found before anything is sent. */
static int
source_open_files(struct source *s)
{
	const struct send_options *o = s->o;
	const char *name;
	int fd;

	s->files = memory_alloc((o->files.n + 1) * sizeof(*s->files));
	if (o->files.n == 0 && o->common.n_args == 1)
		s->files[s->n_files++] = (struct input_file){ .fd = STDIN_FILENO };
	for (size_t i = 0; i < o->files.n; i++) {
		name = strcmp(o->files.texts[i], "-") == 0 ? NULL : o->files.texts[i];
		fd = name ? open(name, O_RDONLY | O_CLOEXEC | O_NOCTTY) : STDIN_FILENO;
		if (fd < 0) {
			say("opening '%s': %s", name, strerror(errno));
			return EX_NOINPUT;
		}
		s->files[s->n_files++] = (struct input_file){ .fd = fd, .name = name };
	}
	return EX_OK;
}

int
source_open(const struct send_options *o, struct source **ret_source)
{
	struct source *s = memory_alloc(sizeof(*s));
	int status;

	s->o = o;
	s->next_arg = 1;
	s->channel = (struct slice){ (const uint8_t *)o->common.args[0], strlen(o->common.args[0]) };
	status = source_open_files(s);
	if (status == EX_OK && o->spool)
		status = source_spool_open(o, &s->spool, &s->lost);
	if (status != EX_OK) {
		source_free(s);
		return status;
	}
	if (s->spool)
		s->left_before = spool_left(s->spool);
	*ret_source = s;
	return EX_OK;
}

void
source_start(struct source *s, struct loop *loop, source_cb *cb, void *arg)
{
	enum input_split split = s->o->whole ? INPUT_WHOLE : s->o->null ? INPUT_NULS : INPUT_LINES;

	s->loop = loop;
	timer_init(&s->retry, loop, cb, arg);
	if (s->n_files == 0)
		return;
	s->input = input_new(loop, s->files, s->n_files, split, cb, arg);
	if (s->spool)
		input_enable_peek(s->input);
}

void
source_free(struct source *s)
{
	if (!s)
		return;
	input_free(s->input);
	spool_close(s->spool);
	timer_deinit(&s->retry);
	for (size_t i = 0; i < s->n_files; i++)
		if (s->files[i].fd != STDIN_FILENO)
			close(s->files[i].fd);
	free(s->files);
	free(s);
}

static void
source_report_input(const struct source *s)
{
	const char *name = input_name(s->input), *quote = name ? "'" : "";
	uint64_t number;

	if (!name)
		name = "standard input";
	if (input_error(s->input) == EMSGSIZE) {
		input_locate(s->input, input_handed(s->input) + 1, &number);
		say("reading %s%s%s: message %" PRIu64 " is longer than %zu bytes", quote, name, quote, number,
		    INPUT_MESSAGE_MAX);
	} else {
		say("reading %s%s%s: %s", quote, name, quote, strerror(input_error(s->input)));
	}
}

/* The next message from the arguments or the input. */
static enum input_status
source_take(struct source *s, struct slice *ret_message)
{
	enum input_status status = INPUT_OK;
	const char *text;

	if (s->ended)
		return INPUT_END;
	if (s->input) {
		status = input_next(s->input, ret_message);
	} else if (s->next_arg == s->o->common.n_args) {
		status = INPUT_END;
	} else {
		text = s->o->common.args[s->next_arg++];
		*ret_message = (struct slice){ (const uint8_t *)text, strlen(text) };
	}
	if (status == INPUT_END || status == INPUT_FAILED) {
		s->ended = true;
		if (status == INPUT_FAILED)
			source_report_input(s);
	}
	return status;
}

/*
 * Writes what there is room for, and consumes that from the input. Returns whether all is in the file. On a disk that
 * stays nearly full, writing fails and works many times a second: that is said once.
 */
static bool
source_write_spool(struct source *s)
{
	uint64_t before = spool_left(s->spool);
	int r = spool_write(s->spool);

	/* The mark frees the room of what is answered; then it may work. */
	if (r < 0 && spool_mark(s->spool) == 0)
		r = spool_write(s->spool);
	if (s->input)
		input_consume(s->input, spool_left(s->spool) - before);
	s->stuck = r < 0;
	if (s->stuck) {
		s->stuck_at = loop_now();
		if (!s->said_stuck)
			say("spool '%s': %s; nothing more is read until it can be written", s->o->spool, strerror(-r));
		s->said_stuck = true;
	} else if (s->said_stuck && loop_now() - s->stuck_at >= RETRY_MS) {
		say("spool '%s': writing works again", s->o->spool);
		s->said_stuck = false;
	}
	if (s->said_stuck && !timer_is_set(&s->retry))
		timer_set(&s->retry, RETRY_MS);
	return !s->stuck;
}

void
source_fill(struct source *s)
{
	enum input_status status = INPUT_OK;
	struct slice message;

	if (!s->spool)
		return;
	if (!source_write_spool(s))
		return;
	while (status == INPUT_OK && !spool_is_full(s->spool)) {
		while (spool_added(s->spool) < BATCH_BYTES && (status = source_take(s, &message)) == INPUT_OK)
			spool_add(s->spool, &message);
		if (!source_write_spool(s))
			break;
	}
	if (spool_is_full(s->spool) && !s->ended && !s->said_full) {
		say("spool '%s' is full (--spool-bytes): nothing more is read until messages are answered",
		    s->o->spool);
		s->said_full = true;
	}
	if (!s->input)
		return;
	input_want(s->input, status == INPUT_MORE && !s->stuck);
}

static enum source_status
source_next_spooled(struct source *s, struct slice *ret_message)
{
	int r = s->failed ? 0 : spool_next(s->spool, &s->channel, ret_message);

	if (r < 0) {
		say("reading spool '%s': %s", s->o->spool, strerror(-r));
		s->failed = s->ended = true;
		loop_end(s->loop, EX_IOERR);
	}
	if (r > 0)
		return SOURCE_OK;
	return s->ended && spool_added(s->spool) == 0 ? SOURCE_END : SOURCE_LATER;
}

enum source_status
source_next(struct source *s, struct slice *ret_message)
{
	if (s->spool)
		return source_next_spooled(s, ret_message);
	if (s->input && input_next(s->input, ret_message) == INPUT_OK)
		return SOURCE_OK;
	switch (source_take(s, ret_message)) {
	case INPUT_OK:
		return SOURCE_OK;
	case INPUT_MORE:
		return SOURCE_LATER;
	case INPUT_END:
	case INPUT_FAILED:
		break;
	}
	return SOURCE_END;
}

struct slice
source_channel(const struct source *s)
{
	return s->channel;
}

void
source_want(struct source *s, bool want)
{
	if (s->input && !s->spool)
		input_want(s->input, want);
}

static void
source_check_spool(struct source *s, int r)
{
	if (r == 0 || s->failed)
		return;
	say("spool '%s': %s", s->o->spool, strerror(-r));
	s->failed = true;
	loop_end(s->loop, EX_IOERR);
}

void
source_done(struct source *s, uint64_t n)
{
	s->done += n;
	if (s->spool)
		source_check_spool(s, spool_answered(s->spool, n));
}

void
source_settle(struct source *s)
{
	int r = s->spool ? spool_mark(s->spool) : 0;

	/* On a full file system that copies on write even the mark fails; the next one makes up for it. */
	if (r != -ENOSPC && r != -EDQUOT)
		source_check_spool(s, r);
}

bool
source_stop(struct source *s)
{
	if (!s->input || input_is_at_end(s->input))
		return false;
	input_stop(s->input);
	return true;
}

uint64_t
source_taken(const struct source *s)
{
	return s->left_before + (s->input ? input_handed(s->input) : s->next_arg - 1);
}

uint64_t
source_bytes(const struct source *s)
{
	uint64_t bytes = 0;

	for (size_t i = 1; i < s->next_arg; i++)
		bytes += strlen(s->o->common.args[i]);
	return s->input ? input_handed_bytes(s->input) : bytes;
}

void
source_count_rest(struct source *s)
{
	struct slice message;

	/* With a spool the rest of the input is left unread. */
	while (!(s->spool && s->input) && source_take(s, &message) == INPUT_OK)
		continue;
}

uint64_t
source_left(const struct source *s)
{
	return source_taken(s) - s->done;
}

bool
source_is_stuck(const struct source *s)
{
	return s->stuck;
}

void
source_describe(const struct source *s, uint64_t number, char *text, size_t size)
{
	const char *name;

	if (number <= s->left_before) {
		snprintf(text, size, "message %" PRIu64 " of those left in spool '%s'", number, s->o->spool);
		return;
	}
	number -= s->left_before;
	name = s->input ? input_locate(s->input, number, &number) : NULL;
	snprintf(text, size, "%s %" PRIu64 "%s%s%s", s->input && !s->o->null && !s->o->whole ? "line" : "message",
	         number, name ? " of '" : "", name ? name : "", name ? "'" : "");
}

void
source_say_left(const struct source *s)
{
	uint64_t left = s->spool ? spool_left(s->spool) : 0;

	if (left > 0)
		say("%" PRIu64 " message%s in '%s', sent at the next start with it", left,
		    left == 1 ? " stays" : "s stay", s->o->spool);
	if (s->input && input_lost(s->input) > 0)
		say("the beginning of a line that is too long to stay in the pipe, %zu byte%s, is lost",
		    input_lost(s->input), human_s(input_lost(s->input)));
	if (s->stuck && source_left(s) > left)
		say("%" PRIu64 " could not be written to it%s", source_left(s) - left,
		    s->input ? ", and are still in the input" : "");
}

int
source_exit_status(const struct source *s)
{
	if (s->failed || s->stuck || (s->input && input_error(s->input)))
		return EX_IOERR;
	return s->lost ? EX_DATAERR : EX_OK;
}
