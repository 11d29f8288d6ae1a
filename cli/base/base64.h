/* Base64 with padding: RFC 4648, section 4. */
#pragma once

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* The letters for `len` bytes. */
static inline size_t
base64_size(size_t len)
{
	return (len + 2) / 3 * 4;
}

/* Writes base64_size(len) letters, without a NUL; returns how many. */
size_t base64_put(char *p, const uint8_t *bytes, size_t len);

/* The most bytes that so many letters stand for. */
static inline size_t
base64_room(size_t len)
{
	return len / 4 * 3;
}

/* Writes the bytes that the letters, with their padding, stand for. Returns how many, or -EINVAL. */
ssize_t base64_get(uint8_t *bytes, const char *p, size_t len);
