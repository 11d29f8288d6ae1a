#include "buf.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A buffer is not made smaller than this, in bytes. */
#define BUF_KEPT ((size_t)4096)

void
buf_deinit(struct buf *b)
{
	free(b->data);
	*b = (struct buf){ 0 };
}

int
buf_reserve(struct buf *b, size_t room)
{
	size_t cap = b->cap > 0 ? b->cap : 256;
	uint8_t *data;

	if (b->cap - b->len >= room)
		return 0;
	if (room > SIZE_MAX / 2 - b->len)
		return -ENOMEM;
	while (cap - b->len < room)
		cap *= 2;
	data = realloc(b->data, cap);
	if (!data)
		return -ENOMEM;
	b->data = data;
	b->cap = cap;
	return 0;
}

int
buf_append(struct buf *b, const void *data, size_t len)
{
	int r = buf_reserve(b, len);

	if (r < 0)
		return r;
	if (len > 0)
		memcpy(b->data + b->len, data, len);
	b->len += len;
	return 0;
}

int
buf_vprintf(struct buf *b, const char *format, va_list ap)
{
	va_list again;
	int n, r;

	va_copy(again, ap);
	n = vsnprintf(NULL, 0, format, ap);
	r = n < 0 ? -ENOMEM : buf_reserve(b, (size_t)n + 1);
	if (r == 0) {
		vsnprintf((char *)b->data + b->len, (size_t)n + 1, format, again);
		b->len += (size_t)n;
	}
	va_end(again);
	return r;
}

int
buf_printf(struct buf *b, const char *format, ...)
{
	va_list ap;
	int r;

	va_start(ap, format);
	r = buf_vprintf(b, format, ap);
	va_end(ap);
	return r;
}

void
buf_consume(struct buf *b, size_t n)
{
	assert(n <= b->len);
	b->len -= n;
	if (b->len > 0 && n > 0)
		memmove(b->data, b->data + n, b->len);
}

void
buf_shrink(struct buf *b)
{
	size_t cap = b->len > BUF_KEPT / 2 ? 2 * b->len : BUF_KEPT;
	uint8_t *data;

	if (b->cap <= BUF_KEPT || b->len > b->cap / 4)
		return;
	data = realloc(b->data, cap);
	if (!data)
		return;
	b->data = data;
	b->cap = cap;
}
