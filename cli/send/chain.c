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
#include <string.h>
#include <sys/stat.h>
#include <sysexits.h>
#include <unistd.h>

#include "follow-search.h"
#include "loop.h"
#include "say.h"

/* An old file is given up when it has not grown for so long, in ms. */
#define LINGER_MS 30000
#define SEARCH_MS 1000

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
