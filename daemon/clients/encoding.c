#include "encoding.h"

#include <arpa/inet.h>
#include <assert.h>
#include <string.h>

void
encoding_put_length(uint8_t *out, size_t len)
{
	uint32_t size = htonl((uint32_t)len);

	memcpy(out, &size, sizeof(size));
}

size_t
encoding_put(enum encoding encoding, uint8_t *out, struct slice payload)
{
	assert(encoding == ENCODING_LINE || encoding == ENCODING_LENGTH);
	if (encoding == ENCODING_LENGTH) {
		encoding_put_length(out, payload.len);
		out += ENCODING_LENGTH_SIZE;
	}
	memcpy(out, payload.p, payload.len);
	if (encoding == ENCODING_LENGTH)
		return ENCODING_LENGTH_SIZE + payload.len;
	out[payload.len] = '\n';
	return payload.len + 1;
}
