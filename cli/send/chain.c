/*
 * A file that another one has followed may still grow: its writer goes on until it opens the new one. So it stays in
 * the chain for a while after it has last grown.
 *
 * The position is saved whenever a file is added, before any line of it is handed out. So after a crash the next
 * process gives each file the generation, and each line the number, that it had.
 */
#include "chain.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <sysexits.h>
#include <unistd.h>

#include "follow-search.h"
#include "loop.h"
#include "say.h"

/* An old file is given up when it has not grown for so long, in ms. */
#define LINGER_MS 30000
#define SEARCH_MS 1000

struct follow_file *
chain_newest(const struct chain *c)
{
	return TAILQ_LAST(&c->files, follow_files);
}

void
chain_save(struct chain *c)
{
	struct follow_file *file;

	if (!c->position.file || c->is_saved)
		return;
	c->saved_at = loop_now();
	c->position.n = 0;
	TAILQ_FOREACH(file, &c->files, link)
		follow_file_mark(file, &c->position.marks[c->position.n++]);
	c->is_saved = position_save(&c->position);
}

void
chain_complain(struct chain *c, int error)
{
	if (c->said != error)
		say("'%s': %s; waiting for it", c->path, error == EINVAL ? "not a regular file" : strerror(error));
	c->said = error;
}

static bool
chain_is_full(const struct chain *c)
{
	return c->n >= POSITION_FILES_MAX - 1;
}

/* Files are watched by what they are, not by their names. */
static void
chain_watch_file(const struct chain *c, const struct follow_file *file)
{
	char path[64];

	snprintf(path, sizeof(path), "/proc/self/fd/%d", file->fd);
	if (c->inotify >= 0 && file->fd >= 0)
		(void)inotify_add_watch(c->inotify, path, IN_MODIFY | IN_ATTRIB | IN_MOVE_SELF);
}

void
chain_watch(struct chain *c, int inotify)
{
	struct follow_file *file;

	c->inotify = inotify;
	TAILQ_FOREACH(file, &c->files, link)
		chain_watch_file(c, file);
}

static void
chain_supersede(struct follow_file *file)
{
	file->is_over = true;
	file->quiet_at = loop_now();
}

/* Puts a file at the end of the chain. */
static void
chain_append(struct chain *c, struct follow_file *file, uint64_t generation)
{
	if (chain_newest(c))
		chain_supersede(chain_newest(c));
	file->generation = c->generation = generation;
	TAILQ_INSERT_TAIL(&c->files, file, link);
	c->n++;
	c->is_saved = false;
	chain_watch_file(c, file);
}

static struct follow_file *
chain_add(struct chain *c, int fd, uint64_t generation)
{
	struct follow_file *file = follow_file_new(fd, c->delimiter);

	chain_append(c, file, generation);
	return file;
}

/* Opens what has the name now. Returns a descriptor or -errno. */
static int
chain_open_log(const struct chain *c)
{
	/* O_NONBLOCK: do not wait where it is a FIFO. */
	int fd = open(c->path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	struct stat st;

	if (fd < 0 || fstat(fd, &st) < 0)
		return -errno;
	if (S_ISREG(st.st_mode))
		return fd;
	close(fd);
	return -EINVAL;
}

static bool
chain_is_file(const struct follow_file *file, int fd)
{
	struct stat st;

	return file->fd >= 0 && fstat(fd, &st) == 0 && file->device == st.st_dev && file->inode == st.st_ino;
}

/* Whether what was found is a copy of the file, as far as that is known, or is being made. */
static bool
chain_is_copy(const struct follow_file *file, const struct follow_found *found)
{
	struct follow_mark mark;

	follow_file_mark_read(file, &mark);
	if (mark.head_len > found->size)
		return file->fd >= 0 &&
		       follow_file_sum(file->fd, 0, found->size) == follow_file_sum(found->fd, 0, found->size);
	return mark.head_len > 0 && follow_file_has_mark(found->fd, &mark);
}

/* The mark of a file that was answered to its end, if fd is that file or a copy; or NULL. */
static const struct follow_mark *
chain_find_gone(const struct chain *c, int fd)
{
	for (size_t i = c->position.n_gone; i > 0; i--)
		if (c->position.gone[i - 1].offset > 0 && follow_file_has_mark(fd, &c->position.gone[i - 1]))
			return &c->position.gone[i - 1];
	return NULL;
}

/*
 * Whether all of the file is in the chain, or was answered; or it is a copy of the log, which then is still to be cut
 * off.
 */
static bool
chain_is_known(const struct chain *c, const struct follow_found *found)
{
	const struct follow_mark *gone = chain_find_gone(c, found->fd);
	const struct follow_file *file;

	if (found->size == 0 || (gone && gone->offset == found->size))
		return true;
	TAILQ_FOREACH(file, &c->files, link)
		if (chain_is_file(file, found->fd) || chain_is_copy(file, found))
			return true;
	return c->log && chain_is_copy(c->log, found);
}

/*
 * Adds the files that have come after one that was last written to at `since`, as far as there is room, the first with
 * this generation; and opens the log, as c->log. Both are as they were at one moment.
 */
static void
chain_add_later(struct chain *c, struct timespec since, uint64_t generation)
{
	struct follow_found found[FOLLOW_FOUND_MAX];
	int log;
	size_t n = follow_search_later(c->path, since, found, &log);

	c->log = log >= 0 ? follow_file_new(log, c->delimiter) : NULL;
	for (size_t i = 0; i < n; i++) {
		const struct follow_mark *gone = chain_find_gone(c, found[i].fd);

		if (chain_is_full(c) || chain_is_known(c, &found[i])) {
			close(found[i].fd);
			continue;
		}
		chain_add(c, found[i].fd, generation++);
		if (gone) /* it has grown since */
			follow_file_resume(chain_newest(c), gone);
	}
}

/* The log was opened, and is not needed. */
static void
chain_free_log(struct chain *c)
{
	if (c->log)
		follow_file_free(c->log);
	c->log = NULL;
}

/* The file of a mark that was saved; it may have been renamed or copied since. Returns whether it was found. */
static bool
chain_resume(struct chain *c, const struct follow_mark *mark, bool is_last)
{
	int fd = follow_search(c->path, mark);
	size_t before = c->n;

	if (fd < 0)
		return false;
	/* It was empty: what came since may have been moved to a copy. */
	if (is_last && mark->head_len == 0)
		chain_add_later(c, (struct timespec){ .tv_sec = (time_t)c->position.saved_s }, mark->generation);
	chain_free_log(c);
	if (c->n > before) {
		close(fd);
		return true;
	}
	follow_file_resume(chain_add(c, fd, mark->generation), mark);
	chain_newest(c)->quiet_at = loop_now();
	return true;
}

/*
 * Finds the files of the position. While there is no log, and none of them, all may come back, as with a file system
 * that is not mounted yet.
 */
static void
chain_load(struct chain *c, bool is_log_there)
{
	const struct position *p = &c->position;
	const struct follow_mark *last = p->n > 0 ? &p->marks[p->n - 1] : NULL;
	bool is_last_there = false;

	for (size_t i = 0; i < p->n; i++) {
		is_last_there = chain_resume(c, &p->marks[i], i + 1 == p->n);
		if (!is_last_there && (is_log_there || c->n > 0))
			say("'%s' of last time is gone: what was added to it behind byte %" PRIu64
			    " is lost, if anything was",
			    c->path, p->marks[i].offset);
	}
	if (!is_log_there && p->n > 0 && c->n == 0)
		return;
	c->is_loaded = true;
	if (!last)
		return;
	if (c->generation < last->generation)
		c->generation = last->generation;
	c->is_last_lost = !is_last_there;
	c->is_saved = c->is_saved && is_last_there;
}

/* Whether fd has the name of the log. */
static bool
chain_is_log(const struct chain *c, int fd)
{
	struct stat a, b;

	return fstat(fd, &a) == 0 && stat(c->path, &b) == 0 && a.st_dev == b.st_dev && a.st_ino == b.st_ino;
}

/* Whether the newest file still has the name. */
static bool
chain_is_named(const struct chain *c, const struct follow_file *file)
{
	return file->fd >= 0 && !file->is_over && chain_is_log(c, file->fd);
}

/* While there is no log, old ones are looked for once a second. */
static bool
chain_may_search(struct chain *c)
{
	uint64_t now = loop_now();

	if (now - c->searched_at < SEARCH_MS)
		return false;
	c->searched_at = now;
	return true;
}

/* Adds what has come after the newest file, and opens the log, as c->log. */
static void
chain_add_missed(struct chain *c)
{
	const struct follow_file *newest = chain_newest(c);
	struct timespec since = { .tv_sec = (time_t)c->position.saved_s };
	struct stat st;
	int fd;

	if (!c->is_last_lost && newest && newest->fd >= 0 && fstat(newest->fd, &st) == 0)
		since = st.st_mtim;
	if (newest || c->is_last_lost) {
		chain_add_later(c, since, c->generation + 1);
		c->is_last_lost = false;
		return;
	}
	fd = chain_open_log(c);
	c->log = fd >= 0 ? follow_file_new(fd, c->delimiter) : NULL;
}

bool
chain_look(struct chain *c)
{
	const struct follow_file *newest = chain_newest(c);
	size_t before = c->n;
	int fd;

	if ((newest && chain_is_named(c, newest)) || chain_is_full(c))
		return false;
	fd = chain_open_log(c);
	if (fd >= 0)
		close(fd);
	else if (!newest || (fd != -ENOENT && fd != -ENOTDIR))
		chain_complain(c, -fd);
	if (fd < 0 && (!c->is_loaded || !newest || !chain_may_search(c)))
		return false;
	c->said = fd < 0 ? c->said : 0;
	if (!c->is_loaded)
		chain_load(c, true);
	newest = chain_newest(c);
	if (!newest || !chain_is_named(c, newest))
		chain_add_missed(c);
	if (c->log && !chain_is_full(c)) {
		chain_append(c, c->log, c->generation + 1);
		c->log = NULL;
	}
	chain_free_log(c);
	if (c->n > before)
		chain_save(c);
	return c->n > before;
}

void
chain_cut(struct chain *c, struct follow_file *file)
{
	struct follow_mark mark;
	int fd;

	follow_file_mark_read(file, &mark);
	fd = follow_search(c->path, &mark);
	say_verbose("'%s' was cut off%s", c->path,
	            fd >= 0 ? "; the rest is read from its copy" : "; what was not read before is lost");
	follow_file_replace(file, fd);
	chain_supersede(file);
	chain_watch_file(c, file);
	c->is_saved = false;
	if (!chain_look(c))
		chain_save(c);
}

void
chain_check_first(struct chain *c, struct follow_file *file)
{
	struct follow_found found[FOLLOW_FOUND_MAX];
	size_t n = chain_is_named(c, file) ? follow_search_later(c->path, file->since, found, NULL) : 0;
	int copy = -1;

	for (size_t i = 0; i < n; i++) {
		if (copy < 0 && !chain_is_known(c, &found[i]))
			copy = found[i].fd;
		else
			close(found[i].fd);
	}
	if (copy < 0)
		return;
	follow_file_restart(file, copy);
	chain_supersede(file);
	chain_watch_file(c, file);
	if (!chain_look(c))
		chain_save(c);
}

void
chain_note(struct chain *c)
{
	struct follow_file *newest = chain_newest(c);

	if (!newest)
		return;
	follow_file_set_head(newest);
	if (newest->head_len == 0 && follow_search_has_changed(c->path, &newest->since))
		chain_check_first(c, newest);
}

bool
chain_is_given_up(const struct chain *c, const struct follow_file *file)
{
	return file->is_over && (file->fd < 0 || chain_is_full(c) || loop_now() - file->quiet_at >= LINGER_MS);
}

void
chain_drop(struct chain *c, struct follow_file *file)
{
	struct follow_mark mark;

	follow_file_mark_read(file, &mark);
	mark.line = file->line;
	position_add_gone(&c->position, &mark);
	TAILQ_REMOVE(&c->files, file, link);
	c->n--;
	c->is_saved = false;
	follow_file_free(file);
}

int
chain_open(struct chain *c, const char *path, const char *position, char delimiter)
{
	int status = EX_OK, fd;

	*c = (struct chain){ .path = path, .delimiter = delimiter, .inotify = -1, .is_saved = true };
	TAILQ_INIT(&c->files);
	if (position)
		status = position_open(&c->position, position);
	if (status != EX_OK)
		return status;
	fd = chain_open_log(c);
	if (fd == -EINVAL || fd == -EACCES || fd == -EPERM || fd == -ELOOP || fd == -ENAMETOOLONG) {
		say("opening '%s': %s", path, fd == -EINVAL ? "not a regular file" : strerror(-fd));
		return EX_NOINPUT;
	}
	if (position) {
		if (fd < 0)
			chain_load(c, false);
		else
			close(fd);
	} else if (fd >= 0) {
		follow_file_skip(chain_add(c, fd, 1));
	}
	c->is_loaded = c->is_loaded || !position;
	return EX_OK;
}

void
chain_close(struct chain *c)
{
	struct follow_file *file;

	if (!c->path)
		return;
	chain_save(c);
	while ((file = TAILQ_FIRST(&c->files))) {
		TAILQ_REMOVE(&c->files, file, link);
		follow_file_free(file);
	}
	position_close(&c->position);
}
