#include "base64.h"

#include <errno.h>
#include <string.h>

static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

size_t
base64_put(char *p, const uint8_t *bytes, size_t len)
{
	const char *start = p;
	uint32_t group;

	for (; len >= 3; len -= 3, bytes += 3) {
		group = (uint32_t)bytes[0] << 16 | (uint32_t)bytes[1] << 8 | bytes[2];
		*p++ = letters[group >> 18];
		*p++ = letters[group >> 12 & 63];
		*p++ = letters[group >> 6 & 63];
		*p++ = letters[group & 63];
	}
	if (len > 0) {
		group = (uint32_t)bytes[0] << 16 | (len == 2 ? (uint32_t)bytes[1] << 8 : 0);
		*p++ = letters[group >> 18];
		*p++ = letters[group >> 12 & 63];
		*p++ = len == 2 ? letters[group >> 6 & 63] : '=';
		*p++ = '=';
	}
	return (size_t)(p - start);
}

ssize_t
base64_get(uint8_t *bytes, const char *p, size_t len)
{
	const char *end = p + len, *letter;
	uint8_t *start = bytes;
	uint32_t group;

	if (len % 4 != 0)
		return -EINVAL;
	while (p < end) {
		size_t padding = end - p > 4 ? 0 : (size_t)(p[3] == '=') + (p[2] == '=' && p[3] == '=');

		group = 0;
		for (size_t i = 0; i < 4 - padding; i++) {
			letter = p[i] ? strchr(letters, p[i]) : NULL;
			if (!letter)
				return -EINVAL;
			group |= (uint32_t)(letter - letters) << (18 - 6 * i);
		}
		if (group & ((UINT32_C(1) << 8 * padding) - 1)) /* bits that stand for nothing */
			return -EINVAL;
		for (size_t i = 0; i < 3 - padding; i++)
			*bytes++ = (uint8_t)(group >> (16 - 8 * i));
		p += 4;
	}
	return bytes - start;
}
