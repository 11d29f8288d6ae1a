#include "into.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <libgen.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sysexits.h>
#include <unistd.h>

#include "buf.h"
#include "cleanup.h"
#include "human.h"
#include "memory.h"
#include "say.h"
#include "state-file.h"

/* What waits is written when it is more than this. */
#define INTO_ROOM ((size_t)256 * 1024)

struct into {
	const char *path;
	int fd;
	struct buf buf; /* not written yet */
	uint64_t appended, synced;
	int failed; /* exit status after a write that failed; nothing is written any more */
};

static int
into_identify(int fd, struct into_mark *ret_mark)
{
	struct statx st;

	if (statx(fd, "", AT_EMPTY_PATH, STATX_BASIC_STATS | STATX_BTIME, &st) < 0)
		return -errno;
	*ret_mark = (struct into_mark){ .given = true, .length = st.stx_size, .inode = st.stx_ino };
	if (st.stx_mask & STATX_BTIME) {
		ret_mark->born_s = st.stx_btime.tv_sec;
		ret_mark->born_ns = st.stx_btime.tv_nsec;
	}
	return 0;
}

static bool
into_is_same(const struct into_mark *a, const struct into_mark *b)
{
	return a->inode == b->inode && a->born_s == b->born_s && a->born_ns == b->born_ns;
}

/* Cuts the open file to the length that counts. name: for people. */
static int
into_cut(int fd, const char *name, uint64_t length, struct into_mark *now)
{
	uint64_t more = now->length > length ? now->length - length : 0;

	if (now->length < length)
		say("recv: '%s' is shorter than when it was last written; what comes is added at its end", name);
	if (more == 0)
		return 0;
	if (ftruncate(fd, (off_t)length) < 0 || fsync(fd) < 0) {
		say("recv: '%s' cannot be cut to what counts of it: %s", name, strerror(errno));
		return EX_IOERR;
	}
	now->length = length;
	say("recv: the last %" PRIu64 " byte%s of '%s' were not recorded as written; they are cut off and come again",
	    more, human_s(more), name);
	return 0;
}

/* The file of the mark was renamed while nobody wrote to it: looks for it beside the path, and cuts it there. */
static int
into_cut_renamed(const char *path, const struct into_mark *mark)
{
	_cleanup_free_ char *copy = strdup(path);
	const struct dirent *entry;
	struct into_mark now;
	int status = 0;
	DIR *dir;

	memory_check(copy ? 0 : -1);
	dir = opendir(dirname(copy));
	while (dir && status == 0 && (entry = readdir(dir))) {
		_cleanup_close_ int fd = -EBADF;

		if (entry->d_ino != mark->inode)
			continue;
		fd = openat(dirfd(dir), entry->d_name, O_WRONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
		if (fd >= 0 && into_identify(fd, &now) == 0 && into_is_same(&now, mark) && now.length > mark->length)
			status = into_cut(fd, entry->d_name, mark->length, &now);
	}
	if (dir)
		closedir(dir);
	return status;
}

static int
into_refuse(const char *path, int error)
{
	say("recv: --into: '%s': %s", path, strerror(error));
	return error == EACCES || error == EPERM ? EX_NOPERM : EX_CANTCREAT;
}

int
into_open(const char *path, const struct into_mark *mark, struct into **ret_into)
{
	_cleanup_close_ int fd = open(path, O_WRONLY | O_APPEND | O_CREAT | O_NONBLOCK | O_NOCTTY | O_CLOEXEC,
	                              S_IRUSR | S_IWUSR | S_IRGRP | S_IWGRP | S_IROTH | S_IWOTH);
	struct into_mark now = { 0 };
	struct stat st;
	struct into *in;
	pid_t pid = 0;
	int r, status = 0;

	if (fd < 0 || fstat(fd, &st) < 0)
		return into_refuse(path, errno);
	if (!S_ISREG(st.st_mode)) {
		say("recv: --into: '%s' is no regular file", path);
		return EX_CANTCREAT;
	}
	r = state_file_lock(fd, &pid);
	if (r == STATE_FILE_E_LOCKED) {
		say_in_use("recv: --into:", path, pid);
		return EX_TEMPFAIL;
	}
	if (r == 0)
		r = into_identify(fd, &now);
	if (r == 0)
		r = state_file_sync_name(path);
	if (r < 0)
		return into_refuse(path, -r);
	if (mark->given)
		status =
		    into_is_same(mark, &now) ? into_cut(fd, path, mark->length, &now) : into_cut_renamed(path, mark);
	if (status != 0)
		return status;
	in = memory_alloc(sizeof(*in));
	in->path = path;
	in->fd = TAKE_FD(fd);
	*ret_into = in;
	return 0;
}

void
into_free(struct into *in)
{
	if (!in)
		return;
	close(in->fd);
	buf_deinit(&in->buf);
	free(in);
}

void
into_append(struct into *in, const void *p, size_t len)
{
	in->appended += len;
	memory_check(buf_append(&in->buf, p, len));
	if (in->buf.len >= INTO_ROOM)
		(void)into_write(in);
}

uint64_t
into_appended(const struct into *in)
{
	return in->appended;
}

uint64_t
into_synced(const struct into *in)
{
	return in->synced;
}

int
into_write(struct into *in)
{
	struct stat before = { 0 };
	int r = 0;

	if (in->failed == 0 && in->buf.len > 0)
		r = fstat(in->fd, &before) < 0 ? -errno : state_file_write(in->fd, in->buf.data, in->buf.len);
	in->buf.len = 0;
	if (r < 0) {
		say("recv: writing '%s': %s", in->path, strerror(-r));
		in->failed = EX_IOERR;
		(void)!ftruncate(in->fd, before.st_size); /* else the next start does it */
	}
	return in->failed;
}

int
into_sync(struct into *in, struct into_mark *ret_mark)
{
	int r = into_write(in);

	if (r != 0)
		return r;
	r = fdatasync(in->fd) < 0 ? -errno : into_identify(in->fd, ret_mark);
	if (r < 0) {
		say("recv: writing '%s' to the disk: %s", in->path, strerror(-r));
		return in->failed = EX_IOERR;
	}
	in->synced = in->appended;
	return 0;
}

bool
into_is_renamed(const struct into *in)
{
	struct stat a, b;

	return fstat(in->fd, &a) == 0 &&
	       (stat(in->path, &b) < 0 ? errno == ENOENT : a.st_ino != b.st_ino || a.st_dev != b.st_dev);
}
