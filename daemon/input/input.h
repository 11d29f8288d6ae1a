/* Input of a session that speaks RESP: bytes in, commands run. input.c describes how bytes are kept between reads. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/uio.h>

struct bus;
struct input;
struct session;

/* Takes NULL. */
void input_free(struct input *in);

/* Memory of unhandled input, in bytes. Takes NULL. */
size_t input_size(const struct input *in);

/*
 * Returns where to read the session's next bytes to: first the rest of its unfinished command, then `buffer`, which all
 * sessions share. A session that sends large commands gets only the beginning of that: see PEEK_SIZE in input.c. The
 * result is the number of pieces (1 or 2) or -ENOMEM.
 */
int input_room(struct session *s, uint8_t *buffer, size_t size, struct iovec iov[2]);

/*
 * Handles len bytes that were read into the n pieces of input_room(). The session may be dead afterwards. Returns
 * whether to read again in this pass: a large command has begun, and the read has filled all pieces.
 */
bool input_received(struct bus *bus, struct session *s, const struct iovec iov[2], int n, size_t len);

/* Handles input that an earlier pass has left; the session is in state READY. */
void input_resume(struct bus *bus, struct session *s);
