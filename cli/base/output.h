/*
 * Standard output, buffered by its owner's rhythm: what is put in is written by output_flush() as far as
 * it goes without blocking, the rest when there is room. A reader that leaves (EPIPE) ends the loop
 * quietly with status 0, another error with EX_IOERR.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct loop;
struct output;

/* More than OUTPUT_HIGH bytes had waited, and fewer than OUTPUT_LOW do now; or none. */
typedef void output_cb(void *arg);

#define OUTPUT_HIGH ((size_t)1024 * 1024)
#define OUTPUT_LOW ((size_t)256 * 1024)

/* Writes to fd, which stays the caller's. */
struct output *output_new(struct loop *loop, int fd, output_cb *drained, void *arg);
void output_free(struct output *out);

/* Room for `size` bytes. output_commit() puts the first `size` of them in, and must be the next call. */
uint8_t *output_reserve(struct output *out, size_t size);
void output_commit(struct output *out, size_t size);

/* Writes what can be written now. Does not call back. */
void output_flush(struct output *out);

/* Bytes that wait. */
size_t output_pending(const struct output *out);
