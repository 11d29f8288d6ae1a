/*
 * Input of a session: bytes in, commands run. Whole commands are handled where the bytes were read to. Only
 * what is left over is kept: the beginning of a command whose rest has not come, or commands that must wait.
 */
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

/* Bytes of input that are kept. Takes NULL. */
size_t input_size(const struct input *in);

/*
 * Says where the next bytes of the session are to be read to: into its unfinished command as far as that
 * goes, then into the loop's buffer. Who sends large commands gets little of that, so that the next one is read to
 * where it stays, too. Returns the number of pieces (1 or 2), or -ENOMEM.
 */
int input_room(struct session *s, uint8_t *buffer, size_t size, struct iovec iov[2]);

/*
 * Handles len bytes that were read into the pieces input_room() gave. The session may be dead afterwards. Returns
 * whether more should be read in this pass: a large command has begun, and all that there was room for has come.
 */
bool input_received(struct bus *bus, struct session *s, const struct iovec iov[2], int n, size_t len);

/* Handles what is left over from an earlier pass; the session is in state READY. */
void input_resume(struct bus *bus, struct session *s);
