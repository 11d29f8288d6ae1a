/*
 * Writing to a descriptor that was inherited, without ever waiting for its reader: a pipe that nobody reads or a
 * stopped terminal must not stop a program that has more to do.
 *
 * O_NONBLOCK belongs to the open file, which other programs share. So a pipe or terminal is opened again through /proc,
 * which gives an open file of our own. Where that fails, writes are small and follow poll(2): a pipe that polls
 * writable takes PIPE_BUF bytes. A socket has MSG_DONTWAIT; regular files do not block.
 */
#pragma once

#include <stddef.h>
#include <sys/types.h>

enum nowait_kind { NOWAIT_SHARED, NOWAIT_FILE, NOWAIT_SOCKET, NOWAIT_OWN };

struct nowait {
	int fd; /* to write to and to poll */
	enum nowait_kind kind;
};

/* Before nowait_init(): polls, and then writes at most PIPE_BUF bytes. */
#define NOWAIT_INIT(number)                                                                                            \
	{                                                                                                              \
		.fd = (number), .kind = NOWAIT_SHARED                                                                  \
	}

/* fd stays the caller's. */
void nowait_init(struct nowait *n, int fd);
void nowait_deinit(struct nowait *n);

/* Writes what goes at once. Returns the bytes written, at least 1 unless len is 0, or -errno; -EAGAIN: nothing goes. */
ssize_t nowait_write(const struct nowait *n, const void *p, size_t len);
