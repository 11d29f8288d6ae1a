#include "last-words.h"

#include <errno.h>
#include <event2/event.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "loop.h"
#include "memory.h"
#include "printable.h"
#include "say.h"

#define PIECE ((size_t)4096)
/* After so many ms it is tried again whether standard error of udsctl takes something. */
#define AGAIN_MS ((uint64_t)20)
/* Of so many commands that have ended it is read on; each takes a descriptor. */
#define LEFT_MAX ((size_t)64)

struct last_words {
	TAILQ_ENTRY(last_words) link;
	struct last_words_list *list;
	int fd;
	struct event *event;
	bool is_left;                                    /* its command has ended */
	bool is_over;                                    /* a carriage return ends the line, or is a part of its end */
	char line[LAST_WORDS_MAX], last[LAST_WORDS_MAX]; /* what has come of a line; the last whole one */
	size_t line_len, last_len;
};

static void
last_words_end_line(struct last_words *words)
{
	if (words->line_len > 0) {
		memcpy(words->last, words->line, words->line_len);
		words->last_len = words->line_len;
	}
	words->line_len = 0;
	words->is_over = false;
}

static void
last_words_note(struct last_words *words, const char *p, size_t len)
{
	for (const char *end = p + len; p < end; p++) {
		if (*p == '\n') {
			last_words_end_line(words);
			continue;
		}
		if (words->is_over) /* the line is written anew, as progress is */
			words->line_len = 0;
		words->is_over = *p == '\r';
		if (words->line_len < LAST_WORDS_MAX && !words->is_over && (words->line_len > 0 || *p != ' '))
			words->line[words->line_len++] = *p;
	}
}

void
last_words_close(struct last_words_list *list, struct last_words *words)
{
	TAILQ_REMOVE(&list->all, words, link);
	list->n_left -= words->is_left;
	event_free(words->event);
	close(words->fd);
	free(words);
}

/* Reads a piece of at most max bytes and passes it on. Returns its length; 0: there is none now; -1: never again. */
static ssize_t
last_words_read(struct last_words *words, size_t max)
{
	char piece[PIECE];
	ssize_t n = read(words->fd, piece, max < PIECE ? max : PIECE);

	if (n < 0)
		return errno == EAGAIN || errno == EINTR ? 0 : -1;
	if (n == 0)
		return -1;
	say_bytes(piece, (size_t)n);
	last_words_note(words, piece, (size_t)n);
	return n;
}

/* Reads what is in the pipe now. */
static void
last_words_drain(struct last_words *words)
{
	int left = 0;
	ssize_t n = 1;

	if (ioctl(words->fd, FIONREAD, &left) < 0)
		return;
	for (; left > 0 && n > 0; left -= (int)n)
		n = last_words_read(words, (size_t)left);
}

static void
last_words_read_cb(evutil_socket_t fd, short what, void *arg)
{
	struct last_words *words = arg;
	struct last_words_list *list = words->list;

	(void)fd;
	(void)what;
	if (say_is_waiting()) {
		event_del(words->event);
		if (!timer_is_set(&list->again))
			timer_set(&list->again, AGAIN_MS);
		return;
	}
	if (last_words_read(words, PIECE) >= 0)
		return;
	if (words->is_left)
		last_words_close(list, words);
	else
		event_del(words->event);
}

static void
last_words_again_cb(void *arg)
{
	struct last_words_list *list = arg;
	struct last_words *words;

	TAILQ_FOREACH(words, &list->all, link)
		event_add(words->event, NULL);
	if (!list->was_full)
		return;
	list->was_full = false;
	if (last_words_may_start(list))
		list->may_start_cb(list->arg);
}

bool
last_words_may_start(struct last_words_list *list)
{
	if (!say_is_full())
		return true;
	list->was_full = true;
	if (!timer_is_set(&list->again))
		timer_set(&list->again, AGAIN_MS);
	return false;
}

void
last_words_init(struct last_words_list *list, struct loop *loop, void (*may_start_cb)(void *arg), void *arg)
{
	*list = (struct last_words_list){ .loop = loop, .may_start_cb = may_start_cb, .arg = arg };
	TAILQ_INIT(&list->all);
	timer_init(&list->again, loop, last_words_again_cb, list);
}

void
last_words_deinit(struct last_words_list *list)
{
	struct last_words *words;

	while ((words = TAILQ_FIRST(&list->all))) {
		last_words_drain(words);
		last_words_close(list, words);
	}
	timer_deinit(&list->again);
}

int
last_words_open(struct last_words_list *list, struct last_words **ret_words, int *ret_fd)
{
	struct last_words *words;
	int ends[2];

	if (pipe2(ends, O_CLOEXEC) < 0)
		return -errno;
	(void)fcntl(ends[0], F_SETFL, O_NONBLOCK);
	words = memory_alloc(sizeof(*words));
	words->list = list;
	words->fd = ends[0];
	words->event = event_new(loop_base(list->loop), words->fd, EV_READ | EV_PERSIST, last_words_read_cb, words);
	memory_check(words->event ? 0 : -1);
	event_add(words->event, NULL);
	TAILQ_INSERT_TAIL(&list->all, words, link);
	*ret_words = words;
	*ret_fd = ends[1];
	return 0;
}

/* Cuts the text where a character begins, and replaces what a terminal or UTF-8 does not know. */
static void
last_words_copy(const struct last_words *words, char *ret_text, size_t max)
{
	const uint8_t *p = (const uint8_t *)words->last;
	const uint8_t *end = p + (words->last_len < max ? words->last_len : max);
	bool is_cut = words->last_len >= max || words->last_len == LAST_WORDS_MAX;
	enum printable_kind kind;
	size_t size;

	for (; p < end; p += size) {
		size = printable_next(p, (size_t)(end - p), &kind);
		if (kind == PRINTABLE_TEXT)
			ret_text = mempcpy(ret_text, p, size);
		else if (kind == PRINTABLE_CONTROL || end - p >= 4 || !is_cut)
			*ret_text++ = '?';
	}
	*ret_text = '\0';
}

void
last_words_forget(struct last_words *words)
{
	words->last_len = words->line_len = 0;
	words->is_over = false;
}

void
last_words_end(struct last_words_list *list, struct last_words *words, char *ret_text, size_t size)
{
	struct last_words *oldest = TAILQ_FIRST(&list->all);

	last_words_drain(words);
	last_words_end_line(words);
	last_words_copy(words, ret_text, size - 1);
	words->is_left = true;
	list->n_left++;
	/* Mostly nobody has it open any more. */
	if (last_words_read(words, PIECE) < 0) {
		last_words_close(list, words);
		return;
	}
	if (list->n_left <= LEFT_MAX)
		return;
	while (!oldest->is_left)
		oldest = TAILQ_NEXT(oldest, link);
	last_words_close(list, oldest);
}
