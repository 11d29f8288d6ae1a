#include "lines.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

#include "human.h"
#include "memory.h"
#include "say.h"
#include "send-options.h"

struct lines {
	const struct send_options *o;
	struct input_file *files;
	size_t n_files;
	struct input *input;   /* NULL for messages from arguments */
	struct follow *follow; /* or NULL */
	size_t next_arg;
	bool over;
};

/* Opens all files at once, so that a wrong name is found before anything is sent. */
static int
lines_open_files(struct lines *l)
{
	const struct send_options *o = l->o;
	const char *name;
	int fd;

	if (o->follow) {
		const struct follow_options options = { o->follow, o->position, o->null ? '\0' : '\n' };

		return follow_open(&options, &l->follow);
	}
	l->files = memory_alloc((o->files.n + 1) * sizeof(*l->files));
	if (o->files.n == 0 && o->common.n_args == 1)
		l->files[l->n_files++] = (struct input_file){ .fd = STDIN_FILENO };
	for (size_t i = 0; i < o->files.n; i++) {
		name = strcmp(o->files.texts[i], "-") == 0 ? NULL : o->files.texts[i];
		fd = name ? open(name, O_RDONLY | O_CLOEXEC | O_NOCTTY) : STDIN_FILENO;
		if (fd < 0) {
			say("opening '%s': %s", name, strerror(errno));
			return EX_NOINPUT;
		}
		l->files[l->n_files++] = (struct input_file){ .fd = fd, .name = name };
	}
	return EX_OK;
}

int
lines_open(const struct send_options *o, struct lines **ret_lines)
{
	struct lines *l = memory_alloc(sizeof(*l));
	int status;

	l->o = o;
	l->next_arg = 1;
	status = lines_open_files(l);
	if (status == EX_OK)
		*ret_lines = l;
	else
		lines_free(l);
	return status;
}

void
lines_free(struct lines *l)
{
	if (!l)
		return;
	follow_free(l->follow);
	input_free(l->input);
	for (size_t i = 0; i < l->n_files; i++)
		if (l->files[i].fd != STDIN_FILENO)
			close(l->files[i].fd);
	free(l->files);
	free(l);
}

void
lines_start(struct lines *l, struct loop *loop, bool spooled, input_cb *cb, void *arg)
{
	enum input_split split = l->o->whole ? INPUT_WHOLE : l->o->null ? INPUT_NULS : INPUT_LINES;

	if (l->follow)
		follow_start(l->follow, loop, cb, arg);
	if (l->n_files == 0)
		return;
	l->input = input_new(loop, l->files, l->n_files, split, cb, arg);
	if (spooled)
		input_enable_peek(l->input);
}

static void
lines_report(const struct lines *l)
{
	const char *name = input_name(l->input), *quote = name ? "'" : "";
	uint64_t number;

	if (!name)
		name = "standard input";
	if (input_error(l->input) == EMSGSIZE) {
		input_locate(l->input, input_handed(l->input) + 1, &number);
		say("reading %s%s%s: message %" PRIu64 " is longer than %zu bytes", quote, name, quote, number,
		    INPUT_MESSAGE_MAX);
	} else {
		say("reading %s%s%s: %s", quote, name, quote, strerror(input_error(l->input)));
	}
}

enum input_status
lines_next(struct lines *l, struct slice *ret_message)
{
	enum input_status status = INPUT_OK;
	const char *text;

	if (l->over)
		return INPUT_END;
	if (l->follow) {
		status = follow_next(l->follow, ret_message);
	} else if (l->input) {
		status = input_next(l->input, ret_message);
	} else if (l->next_arg == l->o->common.n_args) {
		status = INPUT_END;
	} else {
		text = l->o->common.args[l->next_arg++];
		*ret_message = slice_of(text);
	}
	if (status == INPUT_END || status == INPUT_FAILED) {
		l->over = true;
		if (status == INPUT_FAILED && l->input)
			lines_report(l);
	}
	return status;
}

bool
lines_are_over(const struct lines *l)
{
	return l->over;
}

void
lines_consume(struct lines *l, uint64_t n)
{
	if (l->input)
		input_consume(l->input, n);
}

void
lines_answered(struct lines *l, uint64_t n)
{
	if (l->follow)
		follow_done(l->follow, n);
}

bool
lines_get_origin(struct lines *l, struct follow_origin *ret_origin, bool *ret_changed)
{
	if (!l->o->position)
		return false;
	follow_get_origin(l->follow, ret_origin, ret_changed);
	return true;
}

void
lines_want(struct lines *l, bool want)
{
	if (l->input)
		input_want(l->input, want);
}

bool
lines_stop(struct lines *l)
{
	if (l->follow) {
		follow_stop(l->follow);
		return true;
	}
	if (!l->input || input_is_at_end(l->input))
		return false;
	input_stop(l->input);
	return true;
}

void
lines_count_rest(struct lines *l)
{
	struct slice message;

	while (!l->follow && lines_next(l, &message) == INPUT_OK)
		continue;
}

uint64_t
lines_taken(const struct lines *l)
{
	if (l->follow)
		return follow_taken(l->follow);
	return l->input ? input_handed(l->input) : l->next_arg - 1;
}

uint64_t
lines_bytes(const struct lines *l)
{
	uint64_t bytes = 0;

	if (l->follow)
		return follow_bytes(l->follow);
	for (size_t i = 1; i < l->next_arg; i++)
		bytes += strlen(l->o->common.args[i]);
	return l->input ? input_handed_bytes(l->input) : bytes;
}

bool
lines_are_arguments(const struct lines *l)
{
	return l->n_files == 0 && !l->follow;
}

int
lines_input(const struct lines *l)
{
	return l->n_files == 1 && !l->files[0].name && !l->o->whole ? l->files[0].fd : -1;
}

void
lines_describe(const struct lines *l, uint64_t number, char *text, size_t size)
{
	const char *name = l->input ? input_locate(l->input, number, &number) : l->o->follow;

	snprintf(text, size, "%s %" PRIu64 "%s%s%s",
	         !lines_are_arguments(l) && !l->o->null && !l->o->whole ? "line" : "message", number,
	         name ? " of '" : "", name ? name : "", name ? "'" : "");
}

void
lines_say_lost(const struct lines *l)
{
	if (l->input && input_lost(l->input) > 0)
		say("the beginning of a line that is too long to stay in the pipe, %zu byte%s, is lost",
		    input_lost(l->input), human_s(input_lost(l->input)));
}

bool
lines_have_failed(const struct lines *l)
{
	return (l->input && input_error(l->input)) || (l->follow && follow_has_failed(l->follow));
}
