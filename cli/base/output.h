/*
 * Standard output with a buffer: output_flush() writes as much as goes without blocking, the rest follows when there
 * is room. EPIPE, a reader that has left, ends the loop with status 0 and no message, any other error with EX_IOERR,
 * unless the owner takes that over.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "protocol.h"

struct loop;
struct output;

/* Nothing waits any more; or fewer than OUTPUT_LOW bytes do, after it had been more than OUTPUT_HIGH. */
typedef void output_cb(void *arg);

#define OUTPUT_HIGH ((size_t)1024 * 1024)
#define OUTPUT_LOW ((size_t)256 * 1024)

/* Writes to fd, which the caller closes. */
struct output *output_new(struct loop *loop, int fd, output_cb *drained, void *arg);
void output_free(struct output *out);

/* Instead of ending the loop, calls this with the exit status, once: nothing is written any more. why: what people are
 * told; NULL: the reader has left. */
typedef void output_failed_cb(void *arg, int status, const char *why);
void output_on_failure(struct output *out, output_failed_cb *failed);

/* Room for `size` bytes. output_commit() must be the next call; it appends the first `size` of them. */
uint8_t *output_reserve(struct output *out, size_t size);
void output_commit(struct output *out, size_t size);

/* Appends a copy of the bytes. */
void output_append(struct output *out, const void *p, size_t len);

/* Writes what can be written now. Never calls `drained`. */
void output_flush(struct output *out);

/* What is not written yet, and how many bytes; nothing after an error. Valid until the next call. */
struct slice output_rest(const struct output *out);
size_t output_pending(const struct output *out);

/* Bytes written so far. */
uint64_t output_written(const struct output *out);
