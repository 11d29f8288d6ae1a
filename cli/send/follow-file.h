/*
 * One file that is followed, from its first line on that was not sent: a log, or what it was before it was rotated. Its
 * lines are known by the generation of the log and their number in it. What was read once must stay as it was: that a
 * log was cut off, or another file has its inode, is seen by the bytes before the place that was reached.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/queue.h>
#include <sys/types.h>
#include <time.h>

#include "buf.h"
#include "protocol.h"

/* Bytes before the place that was reached, and at the beginning of the file, by which it is known again. */
#define FOLLOW_BEFORE ((size_t)256)
#define FOLLOW_HEAD ((size_t)1024)

struct follow_file {
	TAILQ_ENTRY(follow_file) link;
	int fd; /* -1: it was cut off, and only what was read is left */
	dev_t device;
	ino_t inode;
	char delimiter;                  /* of lines */
	uint64_t generation;             /* of the log: the files that had its name, counted */
	uint64_t offset;                 /* in bytes: of the next line */
	uint64_t line;                   /* its number */
	uint64_t done_offset, done_line; /* before these, everything is answered */
	struct buf buf;                  /* bytes from `offset` on, behind the first `start` ones */
	size_t start, searched;          /* searched: bytes from there without the end of a line */
	uint8_t before[FOLLOW_BEFORE];   /* the last bytes read */
	size_t before_len;
	uint64_t head_len, head_sum; /* of the beginning of the file */
	struct timespec since;       /* when it was opened */
	bool is_over;                /* another file has its name */
	bool
	    may_have_hole; /* it begins with zeros if it was cut off and its writer goes on at the place where it was */
	uint64_t quiet_at; /* loop_now() when it last grew, or had its name */
};

/* By which a file is known again. */
struct follow_mark {
	uint64_t generation, device, inode, offset, line;
	uint64_t head_len, head_sum, before_len, before_sum;
};

/* Takes over fd. */
struct follow_file *follow_file_new(int fd, char delimiter);
void follow_file_free(struct follow_file *f);

enum follow_read {
	FOLLOW_DATA,
	FOLLOW_END,    /* for now */
	FOLLOW_CUT,    /* it is not the file any more that it was */
	FOLLOW_FAILED, /* errno */
};

/* Reads on. */
enum follow_read follow_file_read(struct follow_file *f);

/* The next line of those that were read, without its end. Valid until the next call. */
bool follow_file_next(struct follow_file *f, struct slice *ret_line);

/* What stands behind the last line, without an end; false if there is nothing. */
bool follow_file_rest(struct follow_file *f, struct slice *ret_line);

/* Bytes of the unfinished line. */
size_t follow_file_unfinished(const struct follow_file *f);

/* Begins behind the last line that is there. */
void follow_file_skip(struct follow_file *f);

/* The mark of what is answered, or of what was read. */
void follow_file_mark(struct follow_file *f, struct follow_mark *ret_mark);
void follow_file_mark_read(const struct follow_file *f, struct follow_mark *ret_mark);

/* Keeps what the file begins with, as far as it is there; while it is the file that it was. */
void follow_file_set_head(struct follow_file *f);

/* Begins anew with fd. */
void follow_file_restart(struct follow_file *f, int fd);

/* Goes on in fd, a copy of the file; -1: there is none. */
void follow_file_replace(struct follow_file *f, int fd);

/* Whether the file has what the mark says; its device and inode do not matter. */
bool follow_file_has_mark(int fd, const struct follow_mark *mark);

/* Goes on where the mark says. */
void follow_file_resume(struct follow_file *f, const struct follow_mark *mark);

/* A sum of these bytes of the file; 0 if they cannot be read. */
uint64_t follow_file_sum(int fd, uint64_t offset, uint64_t len);
