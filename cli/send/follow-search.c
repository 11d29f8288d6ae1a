#include "follow-search.h"

#include <dirent.h>
#include <fcntl.h>
#include <libgen.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "cleanup.h"
#include "memory.h"

/* Of a copy without its inode, so much must be the same. */
#define COPY_MIN 16

/*
 * A file that is renamed while the directory is read may not be seen. So it is read when nothing has changed in it for
 * so many ms, and again if something has meanwhile; but only so often.
 */
#define QUIET_MS 20
#define TRIES 50

struct search {
	DIR *dir;
	struct timespec changed; /* the directory */
	unsigned int tries;
	char *base;
	size_t stem; /* bytes of it, without its last ".log" or the like */
};

static struct timespec
follow_search_changed(const struct search *s)
{
	struct stat st = { 0 };

	if (s->dir)
		(void)fstat(dirfd(s->dir), &st);
	return st.st_mtim;
}

/* Waits until the directory is quiet. */
static void
follow_search_wait(struct search *s)
{
	const struct timespec pause = { .tv_nsec = QUIET_MS * 1000000L };
	struct timespec now;

	for (;;) {
		s->changed = follow_search_changed(s);
		clock_gettime(CLOCK_REALTIME, &now);
		if ((now.tv_sec - s->changed.tv_sec) * 1000 + (now.tv_nsec - s->changed.tv_nsec) / 1000000 >=
		        QUIET_MS ||
		    now.tv_sec < s->changed.tv_sec || s->tries++ >= TRIES)
			return;
		nanosleep(&pause, NULL);
	}
}

/* Whether to look at all names once more; `changed` was the time of the directory before the last look. */
static bool
follow_search_again(struct search *s)
{
	struct timespec before = s->changed;
	unsigned int tries = s->tries;

	if (!s->dir || tries >= TRIES)
		return false;
	follow_search_wait(s);
	if (s->tries == tries && s->changed.tv_sec == before.tv_sec && s->changed.tv_nsec == before.tv_nsec)
		return false;
	s->tries++;
	rewinddir(s->dir);
	return true;
}

static void
follow_search_begin(struct search *s, const char *path)
{
	_cleanup_free_ char *copy = strdup(path);
	const char *dot;

	memory_check(copy ? 0 : -1);
	s->base = strdup(strrchr(path, '/') ? strrchr(path, '/') + 1 : path);
	memory_check(s->base ? 0 : -1);
	dot = strrchr(s->base, '.');
	s->stem = dot && dot > s->base ? (size_t)(dot - s->base) : strlen(s->base);
	s->dir = opendir(dirname(copy));
	s->tries = 0;
	s->changed = follow_search_changed(s);
}

static void
follow_search_end(struct search *s)
{
	if (s->dir)
		closedir(s->dir);
	free(s->base);
}

/* Whether the name is the log's own with a number or date behind it, or before its ".log". */
static bool
follow_search_is_rotated(const struct search *s, const char *name)
{
	size_t len = strlen(name), base = strlen(s->base), ending = base - s->stem, n;
	const char *between = name + base;

	if (len > base && strncmp(name, s->base, base) == 0) {
		n = len - base;
	} else if (ending > 0 && len > base && strncmp(name, s->base, s->stem) == 0 &&
	           strcmp(name + len - ending, s->base + s->stem) == 0) {
		between = name + s->stem;
		n = len - base;
	} else {
		return false;
	}
	return n > 1 && strchr(".-_", between[0]) && strspn(between, "0123456789.-_:T") >= n &&
	       strcspn(between, "0123456789") < n;
}

/* What is compressed cannot be read on. */
static bool
follow_search_is_like(const struct search *s, const char *name)
{
	static const char *const endings[] = { ".gz", ".xz", ".bz2", ".zst", ".Z", ".lz4", ".lzma", ".zip" };
	size_t len = strlen(name);

	if (strncmp(name, s->base, s->stem) != 0)
		return false;
	for (size_t i = 0; i < sizeof(endings) / sizeof(endings[0]); i++)
		if (len > strlen(endings[i]) && strcmp(name + len - strlen(endings[i]), endings[i]) == 0)
			return false;
	return true;
}

typedef bool follow_search_name(const struct search *s, const char *name);

/* Opens the next regular file with such a name, or with that inode. Returns -1 at the end. */
static int
follow_search_next(struct search *s, follow_search_name *is_meant, ino_t inode, struct stat *ret_st)
{
	struct dirent *entry;
	int fd;

	while (s->dir && (entry = readdir(s->dir))) {
		if (entry->d_ino != inode && !is_meant(s, entry->d_name))
			continue;
		fd = openat(dirfd(s->dir), entry->d_name, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
		if (fd < 0)
			continue;
		if (fstat(fd, ret_st) == 0 && S_ISREG(ret_st->st_mode))
			return fd;
		close(fd);
	}
	return -1;
}

int
follow_search(const char *path, const struct follow_mark *mark)
{
	int fd, found = -1;
	bool is_same = false;
	struct search s;
	struct stat st;

	follow_search_begin(&s, path);
	do {
		while (!is_same && (fd = follow_search_next(&s, follow_search_is_like, mark->inode, &st)) >= 0) {
			is_same = st.st_ino == mark->inode && (uint64_t)st.st_size >= mark->offset &&
			          follow_file_has_mark(fd, mark);
			if (is_same || (found < 0 && mark->head_len >= COPY_MIN && follow_file_has_mark(fd, mark))) {
				if (found >= 0)
					close(found);
				found = fd;
			} else {
				close(fd);
			}
		}
	} while (found < 0 && follow_search_again(&s));
	follow_search_end(&s);
	return found;
}

static int
follow_search_compare_times(struct timespec a, struct timespec b)
{
	if (a.tv_sec != b.tv_sec)
		return a.tv_sec < b.tv_sec ? -1 : 1;
	return a.tv_nsec < b.tv_nsec ? -1 : a.tv_nsec > b.tv_nsec;
}

static int
follow_search_compare(const void *a, const void *b)
{
	return follow_search_compare_times(((const struct follow_found *)a)->modified,
	                                   ((const struct follow_found *)b)->modified);
}

static void
follow_search_close(struct follow_found *found, size_t n)
{
	for (size_t i = 0; i < n; i++)
		close(found[i].fd);
}

size_t
follow_search_later(const char *path, struct timespec since, struct follow_found ret_found[FOLLOW_FOUND_MAX],
                    int *ret_log)
{
	struct search s;
	struct stat log, st;
	size_t n = 0;
	int fd, log_fd = -1;

	follow_search_begin(&s, path);
	do {
		follow_search_close(ret_found, n);
		n = 0;
		if (log_fd >= 0)
			close(log_fd);
		log_fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
		if (log_fd < 0 || fstat(log_fd, &log) < 0)
			log = (struct stat){ 0 };
		while (n < FOLLOW_FOUND_MAX && (fd = follow_search_next(&s, follow_search_is_rotated, 0, &st)) >= 0) {
			if (st.st_ino == log.st_ino || follow_search_compare_times(st.st_mtim, since) < 0)
				close(fd);
			else
				ret_found[n++] = (struct follow_found){ fd, (uint64_t)st.st_size, st.st_mtim };
		}
	} while (follow_search_again(&s));
	follow_search_end(&s);
	qsort(ret_found, n, sizeof(*ret_found), follow_search_compare);
	if (ret_log)
		*ret_log = log_fd >= 0 && S_ISREG(log.st_mode) ? log_fd : -1;
	if (log_fd >= 0 && (!ret_log || *ret_log < 0))
		close(log_fd);
	return n;
}

bool
follow_search_has_changed(const char *path, struct timespec *at)
{
	_cleanup_free_ char *copy = strdup(path);
	struct stat st;

	memory_check(copy ? 0 : -1);
	if (stat(dirname(copy), &st) < 0 || follow_search_compare_times(st.st_mtim, *at) <= 0)
		return false;
	*at = st.st_mtim;
	return true;
}
