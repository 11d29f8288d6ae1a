/*
 * Input of a session that speaks RESP: bytes in, commands run. feed.h does that for clients of the other modes, which
 * send messages and no commands.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/uio.h>

struct bus;
struct session;

/*
 * Returns where to read the session's next bytes to: first the rest of its unfinished command, then `buffer`, which all
 * sessions share. A session that sends large commands gets only the beginning of that: see PEEK_SIZE in requests.c. The
 * result is the number of pieces (1 or 2) or -ENOMEM.
 */
int requests_room(struct session *s, uint8_t *buffer, size_t size, struct iovec iov[2]);

/*
 * Handles len bytes that were read into the n pieces of requests_room(). The session may be dead afterwards. Returns
 * whether to read again in this pass: a large command has begun, and the read has filled all pieces.
 */
bool requests_received(struct bus *bus, struct session *s, const struct iovec iov[2], int n, size_t len);

/* Handles input that an earlier pass has left; the session is in state READY. */
void requests_resume(struct bus *bus, struct session *s);
