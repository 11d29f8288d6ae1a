/*
 * Goes from batch to batch, from the mark on. Where no valid batch begins, it searches the rest of the file byte by
 * byte for the next one. So damage costs only the batches that it hit; and where no whole batch follows, it was not
 * damage but a write that a crash has torn at the end, which was never reported as done.
 */
#include "spool-check.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "memory.h"
#include "spool-file.h"

#define WINDOW ((size_t)64 * 1024)

/* How far message numbers may jump between two batches: a cheap filter before the sum is computed. */
#define JUMP_MAX (UINT64_C(1) << 32)

struct check {
	int fd;
	const struct siphash_key *key;
	uint64_t size; /* of the file */
	uint64_t next; /* number of the message expected next */
	bool unmarked; /* there is no good mark: that number is not known */
	uint64_t doubtful;
	struct buf bytes;
};

static int
spool_check_read_batch(struct check *c, uint64_t offset, struct spool_batch *ret_batch)
{
	return spool_file_batch(c->fd, c->key, offset, c->size, &c->bytes, ret_batch);
}

/* Whether the bytes at p, with `room` bytes to the end of the file, may be the header of a later batch. */
static bool
spool_check_is_candidate(const struct check *c, const uint8_t *p, uint64_t room)
{
	struct spool_batch b;

	memcpy(&b, p, sizeof(b));
	return b.count > 0 && b.size >= b.channel_len && b.size <= room - sizeof(b) && b.first >= c->next &&
	       (b.first - c->next < JUMP_MAX || c->unmarked);
}

/* The first batch from `offset` on. Returns 0, -errno or SPOOL_E_END. */
static int
spool_check_search(struct check *c, uint64_t offset, uint64_t *ret_offset, struct spool_batch *ret_batch)
{
	off_t data = lseek(c->fd, (off_t)offset, SEEK_DATA); /* skips holes */
	uint8_t window[WINDOW];
	ssize_t n;
	int r;

	if (data > 0)
		offset = (uint64_t)data;
	while (offset + sizeof(struct spool_batch) <= c->size) {
		n = pread(c->fd, window, sizeof(window), (off_t)offset);
		if (n < 0)
			return -errno;
		if ((size_t)n < sizeof(struct spool_batch))
			break;
		for (size_t i = 0; i + sizeof(struct spool_batch) <= (size_t)n; i++, offset++) {
			if (!spool_check_is_candidate(c, window + i, c->size - offset))
				continue;
			r = spool_check_read_batch(c, offset, ret_batch);
			if (r <= 0) {
				*ret_offset = offset;
				return r;
			}
		}
	}
	return SPOOL_E_END;
}

/* Replaces the bytes from `offset` to `end`, where b begins, by a batch without messages. */
static int
spool_check_fill(const struct check *c, uint64_t offset, uint64_t end, const struct spool_batch *b)
{
	struct spool_batch filler = { .first = b->first, .size = end - offset - sizeof(filler) };

	filler.sum = spool_file_batch_sum(c->key, &filler, sizeof(filler));
	return spool_file_write(c->fd, &filler, sizeof(filler), offset);
}

/*
 * Sets the mark to where to begin, usually where it is. After a loss of power the mark may be older than the last
 * emptying of the file; then the batch at SPOOL_START has a higher number than the mark.
 */
static int
spool_check_find_start(struct check *c, struct spool_mark *mark)
{
	struct spool_batch b;
	int r = spool_check_read_batch(c, mark->offset, &b);

	if (r < 0 || (r == 0 && b.first <= mark->number && (b.count == 0 || mark->number - b.first < b.count)))
		return r < 0 ? r : 0;
	r = spool_check_read_batch(c, SPOOL_START, &b);
	if (r == 0 && b.count > 0 && b.first >= mark->number) {
		mark->offset = SPOOL_START;
		mark->number = b.first;
	}
	return r < 0 ? r : 0;
}

/* At `offset` there is not the batch expected there. *ret_next: where the next one begins, or 0. */
static int
spool_check_mend(struct check *c, uint64_t offset, struct spool_found *found, uint64_t *ret_next)
{
	struct spool_batch b;
	uint64_t at;
	int r = spool_check_search(c, offset + sizeof(b), &at, &b);

	*ret_next = 0;
	if (r == SPOOL_E_END)
		return 0;
	if (r == 0)
		r = spool_check_fill(c, offset, at, &b);
	if (r < 0)
		return r;
	found->lost += c->unmarked ? 0 : b.first - c->next;
	c->unmarked = false;
	c->next = b.first;
	*ret_next = at;
	return 0;
}

/* The first batch may be answered in part; any other begins with the number expected, or tells it, if it is empty. */
static bool
spool_check_is_expected(const struct check *c, const struct spool_batch *b, bool first)
{
	if (first || b->count == 0)
		return b->first + b->count >= c->next;
	return b->first == c->next;
}

/* The messages of the batch that was read. */
static void
spool_check_keep(const struct check *c, const struct spool_batch *b, struct spool_found *found)
{
	size_t start = sizeof(*b) + b->channel_len + b->way_len;

	memory_check(buf_append(&found->doubt, c->bytes.data + start, c->bytes.len - start));
}

static int
spool_check_walk(struct check *c, const struct spool_mark *mark, struct spool_found *found)
{
	uint64_t at = mark->offset, next;
	struct spool_batch b;
	int r;

	while (at < c->size) {
		r = spool_check_read_batch(c, at, &b);
		if (r < 0)
			return r;
		if (r == 0 && spool_check_is_expected(c, &b, at == mark->offset)) {
			if (b.count > 0)
				found->left += b.first + b.count - (b.first > c->next ? b.first : c->next);
			c->next = b.first + b.count;
			c->unmarked = false;
			if (b.count > 0 && b.first >= c->doubtful)
				spool_check_keep(c, &b, found);
			at += sizeof(b) + b.size;
			continue;
		}
		found->torn = r == SPOOL_E_END;
		r = spool_check_mend(c, at, found, &next);
		if (r < 0)
			return r;
		if (next == 0)
			break;
		at = next;
	}
	found->end = at < SPOOL_START ? SPOOL_START : at;
	found->number = c->next;
	return 0;
}

int
spool_check(int fd, const struct siphash_key *key, uint64_t doubtful, struct spool_mark *mark,
            struct spool_found *ret_found)
{
	struct check c = { .fd = fd, .key = key, .doubtful = doubtful };
	struct spool_found found = { 0 };
	struct stat st;
	int r;

	if (fstat(fd, &st) < 0)
		return -errno;
	c.size = (uint64_t)st.st_size;
	r = spool_check_find_start(&c, mark);
	if (r == 0 && mark->offset > c.size)
		mark->offset = c.size; /* the file was emptied since */
	c.next = mark->number;
	c.unmarked = mark->turn == 0;
	if (r == 0)
		r = spool_check_walk(&c, mark, &found);
	buf_deinit(&c.bytes);
	if (r == 0 && found.end < c.size) {
		found.cut = c.size - found.end;
		if (ftruncate(fd, (off_t)found.end) < 0)
			r = -errno;
	}
	if (r < 0) {
		buf_deinit(&found.doubt);
		return r;
	}
	*ret_found = found;
	return 0;
}
