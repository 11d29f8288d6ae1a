/*
 * The file has a head (magic, random key), two marks, an intent (spool-intent.h), and from SPOOL_START on batches
 * without gaps. A batch is what one spool_write() wrote: its sum, the number of its first message, the channel, the
 * messages. Message numbers go up by one for as long as the file lives, so an old batch is never taken for a new one. A
 * mark says where the first batch begins that is not answered completely, and the number of the first message that is
 * not answered. Only the marks are ever overwritten.
 *
 * Order. A batch is in the file before any of its messages goes to the daemon, and before its input counts as read
 * (input.h); a message is marked after its answer came. So the process may die at any point: what is marked was
 * answered, and what is not marked is sent again. After kill -9 that is at most what was in flight.
 *
 * Loss of power. Without spool_options.sync nothing is flushed: what the kernel has not written yet, up to half a
 * minute, is lost. With it, each batch is on the disk before it is sent. A mark is flushed only before a hole is
 * punched, since an older mark would point into the hole. Otherwise an old mark only means that more is sent again. A
 * mark may also be older than the last emptying of the file; the batch at SPOOL_START shows that by its higher number
 * (spool-check.c).
 *
 * Growth. When everything is answered and the file is not small, it is cut back to SPOOL_START. Until then holes are
 * punched where messages are answered: the file grows, but the disk holds only what is not answered and at most
 * GIVE_BACK more. On a file system without holes spool_is_full() becomes true at the limit, nothing is added, all gets
 * answered, and the file is cut: slower, but bounded.
 *
 * Trust. Whoever can write to the file can have messages sent in the name of its user. So the file must belong to the
 * user, and nobody else may write to it.
 */
#include "spool.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "buf.h"
#include "memory.h"
#include "state-file.h"

/* Holes are punched for this much at once, in bytes. */
#define GIVE_BACK (UINT64_C(16) * 1024 * 1024)
/* A file that is completely answered is not cut until it is longer than this, in bytes. */
#define KEEP (UINT64_C(1) * 1024 * 1024)
/* Holes begin and end where the file system's blocks do. */
#define HOLE_ALIGN UINT64_C(4096)

struct spool {
	int fd;
	struct siphash_key key;
	struct spool_options options;
	bool no_holes;       /* the file system has none */
	bool pressed;        /* the last write failed: free any room, however little */
	uint64_t end;        /* of the last batch */
	uint64_t number;     /* that the next message gets */
	uint64_t given_back; /* from SPOOL_START to here there is a hole */
	uint64_t left;       /* messages written and not answered */

	struct spool_mark mark; /* offset: of the first batch that is not completely answered */
	uint64_t head_end;      /* end of that batch; equal to mark.offset: not known yet */
	uint64_t head_number;   /* of the first message behind that batch */
	bool marked;            /* `mark` is what the file has */

	struct spool_taking taking;
	struct buf way;   /* of the next batch */
	uint64_t next;    /* offset of the batch to be read next */
	struct batch in;  /* being filled; left counts its messages */
	struct batch out; /* being taken out */
};

/* Everything is answered: cuts the file back to its head. The caller writes the mark. */
static int
spool_empty(struct spool *s)
{
	if (s->end > SPOOL_START && ftruncate(s->fd, (off_t)SPOOL_START) < 0)
		return -errno;
	s->end = s->next = s->given_back = SPOOL_START;
	s->mark.offset = s->head_end = SPOOL_START;
	s->mark.number = s->number;
	s->marked = false;
	return 0;
}

/* Locks the file and reads it, or creates what is in it. Returns 0, -errno or SPOOL_E_*. */
static int
spool_load(struct spool *s, struct spool_report *report)
{
	struct spool_found *found = &report->found;
	struct stat st = { 0 };
	int r = state_file_lock(s->fd, &report->pid); /* first, since another process may be writing */

	if (r == STATE_FILE_E_LOCKED)
		r = SPOOL_E_LOCKED;
	if (r == 0)
		r = spool_file_check_trust(s->fd, &st);
	report->uid = st.st_uid;
	report->mode = st.st_mode & 07777;
	if (r == 0 && st.st_size == 0)
		r = spool_file_create(s->fd, s->options.path, &s->key);
	if (r == 0)
		r = spool_file_open(s->fd, &s->key, &s->mark);
	if (r == 0) {
		s->taking.has_intent = spool_intent_read(s->fd, &s->key, &report->intent);
		r = spool_check(s->fd, &s->key, s->taking.has_intent ? report->intent.first : UINT64_MAX, &s->mark,
		                found);
	}
	if (r != 0)
		return r;
	s->end = found->end;
	s->number = found->number;
	s->left = found->left;
	s->next = s->head_end = s->mark.offset;
	s->given_back = SPOOL_START; /* older holes are punched again, which does no harm */
	return s->left == 0 ? spool_empty(s) : 0;
}

int
spool_open(const struct spool_options *options, struct spool **ret_spool, struct spool_report *ret_report)
{
	struct spool *s = memory_alloc(sizeof(*s));
	int r;

	*ret_report = (struct spool_report){ 0 };
	s->options = *options;
	s->taking.input = -1;
	/* O_NONBLOCK: do not wait where it is a FIFO or a device. */
	s->fd = open(options->path, O_RDWR | O_CREAT | O_CLOEXEC | O_NONBLOCK | O_NOCTTY, 0600);
	if (s->fd < 0)
		r = errno == EISDIR ? SPOOL_E_FOREIGN : -errno;
	else
		r = spool_load(s, ret_report);
	if (r == 0)
		*ret_spool = s;
	else
		spool_close(s);
	return r;
}

void
spool_set_way(struct spool *s, struct slice way)
{
	assert(way.len <= SPOOL_WAY_MAX);
	s->way.len = 0;
	memory_check(buf_append(&s->way, way.p, way.len));
}

void
spool_set_input(struct spool *s, int fd)
{
	s->taking.input = fd;
}

void
spool_taken(struct spool *s)
{
	spool_taking_end(&s->taking, s->fd);
}

uint64_t
spool_identity(const struct spool *s)
{
	return siphash(&s->key, "producer", strlen("producer"));
}

uint64_t
spool_number(const struct spool *s)
{
	return s->number;
}

void
spool_add(struct spool *s, const struct slice *message)
{
	const char *channel = s->options.channel;

	batch_add(&s->in, slice_of(channel), (struct slice){ s->way.data, s->way.len }, *message);
}

uint64_t
spool_added(const struct spool *s)
{
	return s->in.bytes.len;
}

/* Writes the first `count` messages, at least one, as a batch. Returns 0 or -errno. */
static int
spool_write_first(struct spool *s, uint32_t count)
{
	struct batch *b = &s->in, empty;
	uint64_t size = count == b->left ? b->bytes.len : batch_size(b, count);
	struct spool_batch header = {
		.first = s->number,
		.size = size - sizeof(header),
		.count = count,
		.channel_len = b->channel_len,
		.way_len = b->way_len,
	};
	int r;

	memcpy(b->bytes.data, &header, sizeof(header));
	header.sum = spool_file_batch_sum(&s->key, b->bytes.data, size);
	memcpy(b->bytes.data, &header, sizeof(header));
	r = spool_file_write(s->fd, b->bytes.data, size, s->end);
	if (r == 0 && s->options.sync && fdatasync(s->fd) < 0)
		r = -errno;
	if (r < 0) {
		(void)!ftruncate(s->fd, (off_t)s->end);
		return r;
	}
	s->number += count;
	s->left += count;
	s->end += size;
	/* What was just written is usually taken out next: then it need not be read from the file. */
	if (s->next + size == s->end && s->out.left == 0 && b->left == count) {
		s->next = s->end;
		empty = s->out;
		s->out = *b;
		*b = empty;
		batch_open(&s->out, &header, header.first);
		b->left = 0;
		b->bytes.len = 0;
	} else {
		batch_remove(b, count, size);
	}
	return 0;
}

int
spool_write(struct spool *s)
{
	uint32_t count = s->in.left;
	int r = 0;

	if (count > 0)
		spool_taking_begin(&s->taking, s->fd, &s->key, s->number);
	while (s->in.left > 0 && count > 0) {
		r = spool_write_first(s, count);
		if (r == 0)
			count = s->in.left;
		else /* where there is no room for all, there may be for some */
			count = r == -ENOSPC || r == -EDQUOT || r == -EFBIG ? count / 2 : 0;
	}
	s->pressed = r < 0;
	s->marked = s->marked && r == 0;
	return r;
}

bool
spool_is_full(const struct spool *s)
{
	return s->end - s->given_back >= s->options.limit;
}

/* Reads the next batch that has messages. Returns 1, 0 where there is none, or -errno. */
static int
spool_read_batch(struct spool *s)
{
	struct batch *b = &s->out;
	struct spool_batch header;
	int r;

	do {
		if (s->next == s->end)
			return 0;
		r = spool_file_batch(s->fd, &s->key, s->next, s->end, &b->bytes, &header);
		if (r != 0)
			return r < 0 ? r : -EBADMSG;
		s->next += sizeof(header) + header.size;
	} while (header.count == 0);
	batch_open(b, &header, s->mark.number); /* skips those that an earlier process had marked as answered */
	return 1;
}

int
spool_next(struct spool *s, struct spool_message *ret_message)
{
	int r = s->out.left > 0 ? 1 : spool_read_batch(s);

	if (r > 0)
		batch_take(&s->out, ret_message);
	return r;
}

/* Sets head_end and head_number; skips batches without messages. Returns 0 or -errno. */
static int
spool_find_head(struct spool *s)
{
	struct spool_batch header;
	int r;

	while (s->mark.offset == s->head_end && s->mark.offset < s->end) {
		r = spool_file_header(s->fd, s->mark.offset, &header);
		if (r != 0)
			return r < 0 ? r : -EBADMSG;
		s->head_end = s->mark.offset + sizeof(header) + header.size;
		s->head_number = header.first + header.count;
		if (s->mark.number < header.first)
			s->mark.number = header.first;
		if (header.count == 0)
			s->mark.offset = s->head_end;
	}
	return 0;
}

int
spool_answered(struct spool *s, uint64_t n)
{
	uint64_t take;
	int r;

	assert(n <= s->left);
	s->left -= n;
	s->marked = s->marked && n == 0;
	if (s->left == 0) {
		s->mark.number = s->number;
		s->mark.offset = s->head_end = s->end;
		return 0;
	}
	while (n > 0) {
		r = spool_find_head(s);
		if (r < 0)
			return r;
		take = s->head_number - s->mark.number;
		if (take > n)
			take = n;
		s->mark.number += take;
		n -= take;
		if (s->mark.number == s->head_number)
			s->mark.offset = s->head_end;
	}
	return 0;
}

static int
spool_punch_hole(struct spool *s)
{
	uint64_t end = s->mark.offset - s->mark.offset % HOLE_ALIGN;
	int r = spool_file_mark(s->fd, &s->key, &s->mark, true); /* an older mark would point into the hole */

	if (r < 0)
		return r;
	if (fallocate(s->fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, (off_t)s->given_back,
	              (off_t)(end - s->given_back)) < 0) {
		s->no_holes = errno == EOPNOTSUPP || errno == ENOSYS;
		return s->no_holes ? 0 : -errno;
	}
	s->given_back = end;
	return 0;
}

int
spool_mark(struct spool *s)
{
	bool pressed = s->pressed || spool_is_full(s);
	int r = 0;

	if (s->marked)
		return 0;
	if (s->left == 0 && s->end > SPOOL_START && (pressed || s->end > SPOOL_START + KEEP))
		r = spool_empty(s);
	else if (!s->no_holes && s->mark.offset >= s->given_back + (pressed ? HOLE_ALIGN : GIVE_BACK))
		r = spool_punch_hole(s);
	if (r == 0)
		r = spool_file_mark(s->fd, &s->key, &s->mark, false);
	s->marked = r == 0;
	return r;
}

uint64_t
spool_left(const struct spool *s)
{
	return s->left;
}

void
spool_close(struct spool *s)
{
	if (!s)
		return;
	if (s->end > SPOOL_START && s->left == 0)
		(void)spool_empty(s);
	if (s->end > 0)
		(void)spool_mark(s);
	buf_deinit(&s->way);
	buf_deinit(&s->in.bytes);
	buf_deinit(&s->out.bytes);
	if (s->fd >= 0)
		close(s->fd);
	free(s);
}
