/* A growable run of bytes. Zero-initialised is empty; buf_deinit() releases it. */
#pragma once

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define BUF_SMALL ((size_t)16 * 1024)

struct buf {
	uint8_t *data;
	size_t len, cap;
};

void buf_deinit(struct buf *b);

/* Room for at least `room` more bytes after len. Returns 0 or -ENOMEM. */
int buf_reserve(struct buf *b, size_t room);

/* Returns 0 or -ENOMEM. */
int buf_append(struct buf *b, const void *data, size_t len);

/* Appends formatted text without its NUL. Returns 0 or -ENOMEM. */
int buf_printf(struct buf *b, const char *format, ...) __attribute__((format(printf, 2, 3)));
int buf_vprintf(struct buf *b, const char *format, va_list ap) __attribute__((format(printf, 2, 0)));

/* What it takes: of a small one its content, of a large one all of its memory. */
static inline size_t
buf_memory(const struct buf *b)
{
	return b->cap > BUF_SMALL ? b->cap : b->len;
}

/* Removes the first n bytes; there must be as many. */
void buf_consume(struct buf *b, size_t n);

/* Gives back what a large buffer takes beyond twice its content, once that is a quarter of it or less. */
void buf_shrink(struct buf *b);
