#include "base64.h"

size_t
base64_put(char *p, const uint8_t *bytes, size_t len)
{
	static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
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
