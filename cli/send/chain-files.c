#include "chain-files.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <unistd.h>

#include "loop.h"
#include "say.h"

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

bool
chain_is_full(const struct chain *c)
{
	return c->n >= POSITION_FILES_MAX - 1;
}

/* Files are watched by what they are, not by their names. */
void
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

void
chain_supersede(struct follow_file *file)
{
	file->is_over = true;
	file->quiet_at = loop_now();
}

void
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

struct follow_file *
chain_add(struct chain *c, int fd, uint64_t generation)
{
	struct follow_file *file = follow_file_new(fd, c->delimiter);

	chain_append(c, file, generation);
	return file;
}

int
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

bool
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

void
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

void
chain_free_log(struct chain *c)
{
	if (c->log)
		follow_file_free(c->log);
	c->log = NULL;
}
