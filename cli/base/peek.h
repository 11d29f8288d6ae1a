/*
 * Reading a file or pipe without taking anything out of it: peek_read() leaves the bytes where they are, peek_take()
 * takes them. So another process that has the same file open finds whatever was not taken.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* How to read without taking. */
enum peek_kind { PEEK_NONE, PEEK_PIPE, PEEK_FILE };

struct peek {
	enum peek_kind kind; /* of the file that peek_begin() was called for */
	int copy[2];         /* pipe for tee(2), or -1 */
	int null;            /* /dev/null, where bytes of a pipe go, or -1 */
	unsigned int looks;  /* peek_read() calls in vain, one after another */
};

void peek_init(struct peek *p);
void peek_deinit(struct peek *p);

/* The next calls are for fd. Sets p->kind: PEEK_NONE for terminals, sockets and the like. */
void peek_begin(struct peek *p, int fd);

/*
 * Reads up to `size` bytes behind the first `known` ones of the file, which lie before `to` in memory already and may
 * be written again. Never blocks once fd polls readable. Returns the number of new bytes, 0 at the end, or -errno:
 * -EAGAIN where there is nothing new, -ENOBUFS where nothing new can come before some known bytes are taken.
 */
ssize_t peek_read(struct peek *p, int fd, uint8_t *to, size_t size, size_t known);

/* Takes the first n bytes, which peek_read() has returned. */
void peek_take(const struct peek *p, int fd, size_t n);
