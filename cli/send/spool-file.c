/*
 * Every sum is keyed with random bytes from the head of the file: neither bytes of a message nor a batch of another
 * spool can pass for a batch of this one. Of the two marks the one with the higher turn counts, and a new mark is
 * written over the older one; so there is always one good mark, even where a write was torn.
 */
#include "spool-file.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#include "cleanup.h"
#include "memory.h"
#include "protocol.h"

#define MAGIC "udsctl spool 1\n"

struct head {
	char magic[16];
	struct siphash_key key;
	uint64_t sum; /* of the above, with that key */
};

/* In sectors of their own: a write that is torn by a loss of power leaves the other mark whole. */
static const off_t spool_file_mark_offsets[2] = { 512, 1024 };

static uint64_t
spool_file_head_sum(const struct head *head)
{
	return siphash(&head->key, head, offsetof(struct head, sum));
}

static uint64_t
spool_file_mark_sum(const struct siphash_key *key, const struct spool_mark *mark)
{
	return siphash(key, mark, offsetof(struct spool_mark, sum));
}

int
spool_file_check_trust(int fd, struct stat *ret_st)
{
	if (fstat(fd, ret_st) < 0)
		return -errno;
	if (!S_ISREG(ret_st->st_mode))
		return SPOOL_E_FOREIGN;
	if (ret_st->st_uid != geteuid())
		return SPOOL_E_OWNER;
	return ret_st->st_mode & (S_IWGRP | S_IWOTH) ? SPOOL_E_MODE : 0;
}

uint64_t
spool_file_batch_sum(const struct siphash_key *key, const void *p, uint64_t size)
{
	return siphash(key, (const uint8_t *)p + sizeof(uint64_t), size - sizeof(uint64_t));
}

int
spool_file_write(int fd, const void *p, uint64_t size, uint64_t offset)
{
	ssize_t n;

	for (uint64_t done = 0; done < size; done += (uint64_t)n) {
		n = pwrite(fd, (const uint8_t *)p + done, size - done, (off_t)(offset + done));
		if (n < 0 && errno == EINTR)
			n = 0;
		if (n < 0)
			return -errno;
	}
	return 0;
}

/* Returns the bytes read, fewer than `size` only at the end of the file, or -errno. */
static ssize_t
spool_file_read(int fd, void *p, uint64_t size, uint64_t offset)
{
	uint64_t done = 0;
	ssize_t n;

	while (done < size) {
		n = pread(fd, (uint8_t *)p + done, size - done, (off_t)(offset + done));
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		if (n == 0)
			break;
		done += (uint64_t)n;
	}
	return (ssize_t)done;
}

/* Flushes the directory: a file whose name is not on the disk is lost with the power. */
static int
spool_file_sync_name(const char *path)
{
	_cleanup_free_ char *copy = strdup(path);
	_cleanup_close_ int fd = -EBADF;

	memory_check(copy ? 0 : -1);
	fd = open(dirname(copy), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	/* A directory that cannot be read cannot be flushed, nor can one on some file systems: go on without. */
	return fd < 0 || fsync(fd) == 0 || errno == EINVAL ? 0 : -errno;
}

int
spool_file_create(int fd, const char *path, struct siphash_key *ret_key)
{
	uint8_t start[SPOOL_START] = { 0 };
	struct head head = { .magic = MAGIC };
	struct spool_mark mark = { .turn = 1, .offset = SPOOL_START };
	int r;

	if (getrandom(&head.key, sizeof(head.key), 0) != sizeof(head.key))
		return -EIO;
	head.sum = spool_file_head_sum(&head);
	mark.sum = spool_file_mark_sum(&head.key, &mark);
	memcpy(start, &head, sizeof(head));
	memcpy(start + spool_file_mark_offsets[1], &mark, sizeof(mark));
	r = ftruncate(fd, 0) == 0 ? spool_file_write(fd, start, sizeof(start), 0) : -errno;
	if (r == 0 && fsync(fd) < 0)
		r = -errno;
	if (r == 0)
		r = spool_file_sync_name(path);
	/* The next attempt must find an empty file, not a part of a head. */
	if (r < 0)
		(void)!ftruncate(fd, 0);
	else
		*ret_key = head.key;
	return r;
}

int
spool_file_open(int fd, struct siphash_key *ret_key, struct spool_mark *ret_mark)
{
	uint8_t start[SPOOL_START] = { 0 };
	ssize_t n = spool_file_read(fd, start, sizeof(start), 0);
	struct head head;
	struct spool_mark mark, best = { .offset = SPOOL_START };

	if (n < 0)
		return (int)n;
	memcpy(&head, start, sizeof(head));
	if (memcmp(head.magic, MAGIC, sizeof(head.magic)) != 0)
		return SPOOL_E_FOREIGN;
	if (n < (ssize_t)sizeof(start) || head.sum != spool_file_head_sum(&head))
		return SPOOL_E_DAMAGED;
	for (size_t i = 0; i < 2; i++) {
		memcpy(&mark, start + spool_file_mark_offsets[i], sizeof(mark));
		if (mark.sum == spool_file_mark_sum(&head.key, &mark) && mark.turn > best.turn)
			best = mark;
	}
	*ret_key = head.key;
	*ret_mark = best;
	return 0;
}

int
spool_file_mark(int fd, const struct siphash_key *key, struct spool_mark *mark, bool durable)
{
	struct spool_mark next = *mark;
	struct iovec iov = { &next, sizeof(next) };
	ssize_t n;

	/* *mark changes only on success: the next attempt goes to the same place, since the other mark is the good one.
	 */
	next.turn++;
	next.sum = spool_file_mark_sum(key, &next);
	do
		n = pwritev2(fd, &iov, 1, spool_file_mark_offsets[next.turn % 2], durable ? RWF_DSYNC : 0);
	while (n < 0 && errno == EINTR);
	if (n < 0)
		return -errno;
	if (n != sizeof(next))
		return -EIO;
	*mark = next;
	return 0;
}

static bool
spool_file_is_plausible(const struct spool_batch *b, uint64_t room)
{
	return b->size <= room && (b->count == 0 || (b->channel_len > 0 && b->channel_len <= PROTOCOL_NAME_MAX &&
	                                             b->size >= b->channel_len + (uint64_t)b->way_len +
	                                                            b->count * (uint64_t)sizeof(uint32_t)));
}

int
spool_file_header(int fd, uint64_t offset, struct spool_batch *ret_batch)
{
	ssize_t n = spool_file_read(fd, ret_batch, sizeof(*ret_batch), offset);

	if (n < 0)
		return (int)n;
	return n == sizeof(*ret_batch) ? 0 : SPOOL_E_END;
}

int
spool_file_batch(int fd, const struct siphash_key *key, uint64_t offset, uint64_t file_size, struct buf *bytes,
                 struct spool_batch *ret_batch)
{
	struct spool_batch b;
	uint64_t room, size;
	ssize_t n;
	int r = offset <= file_size ? spool_file_header(fd, offset, &b) : SPOOL_E_END;

	if (r != 0)
		return r;
	room = file_size - offset - sizeof(b);
	if (!spool_file_is_plausible(&b, b.size))
		return SPOOL_E_DAMAGED;
	if (b.size > room)
		return SPOOL_E_END;
	size = sizeof(b) + (b.count > 0 ? b.size : 0);
	bytes->len = 0;
	memory_check(buf_reserve(bytes, size));
	n = spool_file_read(fd, bytes->data, size, offset);
	if (n < 0)
		return (int)n;
	if ((uint64_t)n < size)
		return SPOOL_E_END;
	bytes->len = size;
	if (b.sum != spool_file_batch_sum(key, bytes->data, size))
		return SPOOL_E_DAMAGED;
	*ret_batch = b;
	return 0;
}
