#include "follow-file.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "memory.h"
#include "siphash.h"

#define READ_BLOCK ((size_t)64 * 1024)

void
follow_file_free(struct follow_file *f)
{
	if (f->fd >= 0)
		close(f->fd);
	buf_deinit(&f->buf);
	free(f);
}

static uint64_t
follow_file_read_to(const struct follow_file *f)
{
	return f->offset + f->buf.len - f->start;
}

/* Reads `len` bytes at `offset`. Returns whether they are there. */
static bool
follow_file_get(int fd, uint64_t offset, void *p, size_t len)
{
	ssize_t n;

	do
		n = pread(fd, p, len, (off_t)offset);
	while (n < 0 && errno == EINTR);
	return n == (ssize_t)len;
}

static uint64_t
follow_file_sum_of(const uint8_t *p, size_t len)
{
	static const struct siphash_key key = { 3, 4 };

	return siphash(&key, p, len) | 1;
}

uint64_t
follow_file_sum(int fd, uint64_t offset, uint64_t len)
{
	uint8_t bytes[FOLLOW_HEAD];

	return len <= sizeof(bytes) && follow_file_get(fd, offset, bytes, len) ? follow_file_sum_of(bytes, len) : 0;
}

/* Whether the file is what it was where it begins, and before the place that was reached; not if it is shorter. */
static bool
follow_file_is_same(const struct follow_file *f)
{
	uint64_t end = follow_file_read_to(f);
	uint8_t now[FOLLOW_BEFORE];

	return follow_file_get(f->fd, end - f->before_len, now, f->before_len) &&
	       memcmp(now, f->before, f->before_len) == 0 && follow_file_sum(f->fd, 0, f->head_len) == f->head_sum;
}

void
follow_file_set_head(struct follow_file *f)
{
	struct stat st;
	uint64_t len;

	if (f->head_len == FOLLOW_HEAD || f->fd < 0 || fstat(f->fd, &st) < 0)
		return;
	len = (uint64_t)st.st_size < FOLLOW_HEAD ? (uint64_t)st.st_size : FOLLOW_HEAD;
	if (len <= f->head_len || follow_file_sum(f->fd, 0, f->head_len) != f->head_sum)
		return;
	f->head_sum = follow_file_sum(f->fd, 0, len);
	f->head_len = len;
}

struct follow_file *
follow_file_new(int fd, char delimiter)
{
	struct follow_file *f = memory_alloc(sizeof(*f));
	struct stat st = { 0 };

	(void)fstat(fd, &st);
	f->fd = fd;
	f->device = st.st_dev;
	f->inode = st.st_ino;
	f->delimiter = delimiter;
	f->may_have_hole = delimiter != 0;
	clock_gettime(CLOCK_REALTIME_COARSE, &f->since);
	f->head_sum = follow_file_sum(fd, 0, 0);
	follow_file_set_head(f);
	return f;
}

/* Keeps the last bytes that were read. */
static void
follow_file_keep_before(struct follow_file *f, const uint8_t *p, size_t n)
{
	size_t kept = n >= FOLLOW_BEFORE ? 0 : FOLLOW_BEFORE - n;

	if (kept > f->before_len)
		kept = f->before_len;
	memmove(f->before, f->before + f->before_len - kept, kept);
	if (n > FOLLOW_BEFORE) {
		p += n - FOLLOW_BEFORE;
		n = FOLLOW_BEFORE;
	}
	memcpy(f->before + kept, p, n);
	f->before_len = kept + n;
}

/* Passes over the zeros that stand where a file was cut off. Returns whether something else has come. */
static bool
follow_file_skip_hole(struct follow_file *f)
{
	off_t data = f->offset == 0 ? lseek(f->fd, 0, SEEK_DATA) : -1;
	uint64_t skipped = 0;

	if (data > 0) {
		f->buf.len = f->start = f->before_len = 0;
		f->offset = f->done_offset = (uint64_t)data;
		return false;
	}
	while (f->start < f->buf.len && f->buf.data[f->start] == 0)
		f->start++, skipped++;
	f->offset += skipped;
	f->done_offset += skipped;
	f->may_have_hole = f->start == f->buf.len;
	return !f->may_have_hole;
}

enum follow_read
follow_file_read(struct follow_file *f)
{
	ssize_t n;

	buf_consume(&f->buf, f->start);
	f->start = 0;
	memory_check(buf_reserve(&f->buf, READ_BLOCK));
	do
		n = pread(f->fd, f->buf.data + f->buf.len, READ_BLOCK, (off_t)follow_file_read_to(f));
	while (n < 0 && errno == EINTR);
	if (n < 0)
		return FOLLOW_FAILED;
	if (!follow_file_is_same(f))
		return FOLLOW_CUT;
	if (n == 0)
		return FOLLOW_END;
	follow_file_keep_before(f, f->buf.data + f->buf.len, (size_t)n);
	f->buf.len += (size_t)n;
	follow_file_set_head(f);
	if (f->may_have_hole)
		(void)follow_file_skip_hole(f);
	return FOLLOW_DATA;
}

/* Hands out the next n bytes; `end` more are the end of the line. */
static void
follow_file_hand_out(struct follow_file *f, size_t n, size_t end, struct slice *ret_line)
{
	*ret_line = (struct slice){ f->buf.data + f->start, n };
	f->start += n + end;
	f->offset += n + end;
	f->line++;
	f->searched = 0;
}

bool
follow_file_next(struct follow_file *f, struct slice *ret_line)
{
	size_t left = f->buf.len - f->start;
	const uint8_t *p = f->buf.data + f->start, *end;

	end = left > f->searched ? memchr(p + f->searched, f->delimiter, left - f->searched) : NULL;
	if (!end) {
		f->searched = left;
		return false;
	}
	follow_file_hand_out(f, (size_t)(end - p), 1, ret_line);
	return true;
}

bool
follow_file_rest(struct follow_file *f, struct slice *ret_line)
{
	size_t left = follow_file_unfinished(f);

	if (left > 0)
		follow_file_hand_out(f, left, 0, ret_line);
	return left > 0;
}

size_t
follow_file_unfinished(const struct follow_file *f)
{
	return f->buf.len - f->start;
}

void
follow_file_skip(struct follow_file *f)
{
	uint8_t end[4096];
	const uint8_t *last = NULL;
	struct stat st = { 0 };
	size_t n;

	(void)fstat(f->fd, &st);
	n = (uint64_t)st.st_size < sizeof(end) ? (size_t)st.st_size : sizeof(end);
	if (follow_file_get(f->fd, (uint64_t)st.st_size - n, end, n))
		last = memrchr(end, f->delimiter, n);
	if (last)
		n -= (size_t)(last + 1 - end);
	else if (n == sizeof(end)) /* in the middle of a long line */
		n = 0;
	f->offset = f->done_offset = (uint64_t)st.st_size - n;
	f->may_have_hole = false;
	f->before_len = f->offset < FOLLOW_BEFORE ? f->offset : FOLLOW_BEFORE;
	if (!follow_file_get(f->fd, f->offset - f->before_len, f->before, f->before_len))
		f->before_len = 0;
	follow_file_set_head(f);
}

void
follow_file_mark(struct follow_file *f, struct follow_mark *ret_mark)
{
	uint64_t before = f->done_offset < FOLLOW_BEFORE ? f->done_offset : FOLLOW_BEFORE;

	follow_file_set_head(f);
	*ret_mark = (struct follow_mark){
		.generation = f->generation,
		.device = f->device,
		.inode = f->inode,
		.offset = f->done_offset,
		.line = f->done_line,
		.head_len = f->head_len,
		.head_sum = f->head_sum,
		.before_len = before,
		.before_sum = follow_file_sum(f->fd, f->done_offset - before, before),
	};
}

void
follow_file_mark_read(const struct follow_file *f, struct follow_mark *ret_mark)
{
	*ret_mark = (struct follow_mark){
		.generation = f->generation,
		.offset = follow_file_read_to(f),
		.head_len = f->head_len,
		.head_sum = f->head_sum,
		.before_len = f->before_len,
		.before_sum = follow_file_sum_of(f->before, f->before_len),
	};
}

void
follow_file_replace(struct follow_file *f, int fd)
{
	struct stat st;

	close(f->fd);
	f->fd = fd;
	if (fd >= 0 && fstat(fd, &st) == 0) {
		f->device = st.st_dev;
		f->inode = st.st_ino;
	}
}

void
follow_file_restart(struct follow_file *f, int fd)
{
	follow_file_replace(f, fd);
	f->buf.len = f->start = f->searched = 0;
	f->offset = f->done_offset = f->line = f->done_line = 0;
	f->before_len = f->head_len = 0;
	f->head_sum = follow_file_sum(fd, 0, 0);
	follow_file_set_head(f);
}

bool
follow_file_has_mark(int fd, const struct follow_mark *mark)
{
	return mark->before_len <= mark->offset && follow_file_sum(fd, 0, mark->head_len) == mark->head_sum &&
	       follow_file_sum(fd, mark->offset - mark->before_len, mark->before_len) == mark->before_sum;
}

void
follow_file_resume(struct follow_file *f, const struct follow_mark *mark)
{
	f->may_have_hole = f->may_have_hole && mark->offset == 0;
	f->offset = f->done_offset = mark->offset;
	f->line = f->done_line = mark->line;
	f->before_len = mark->before_len;
	f->head_len = mark->head_len;
	f->head_sum = mark->head_sum;
	if (!follow_file_get(f->fd, f->offset - f->before_len, f->before, f->before_len))
		f->before_len = 0;
}
