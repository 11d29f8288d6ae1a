/*
 * RESP's headers and frames, written into a caller's bytes. Each function returns the number of bytes
 * written; RESP_HEADER_MAX bytes are enough for one header.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "protocol.h"

#define RESP_HEADER_MAX 24

size_t resp_put_long_header(char *p, char type, uint64_t value);

/* A type byte, a number and CRLF: "*3\r\n", "$16\r\n", ":7\r\n". */
static inline size_t
resp_put_header(char *p, char type, uint64_t value)
{
	if (value >= 100)
		return resp_put_long_header(p, type, value);
	*p++ = type;
	if (value >= 10)
		*p++ = (char)('0' + value / 10);
	*p++ = (char)('0' + value % 10);
	*p++ = '\r';
	*p = '\n';
	return value >= 10 ? 5 : 4;
}

/* "$LEN\r\nBYTES\r\n"; needs len + RESP_HEADER_MAX bytes. */
static inline size_t
resp_put_bulk(char *p, const void *data, size_t len)
{
	size_t n = resp_put_header(p, '$', len);

	if (len > 0)
		memcpy(p + n, data, len);
	n += len;
	p[n] = '\r';
	p[n + 1] = '\n';
	return n + 2;
}

/* The size of what resp_put_bulk() writes. */
size_t resp_bulk_size(size_t len);

/* A command as an array of bulk strings; needs resp_command_size() bytes. */
size_t resp_command_size(const struct slice *args, size_t n);
size_t resp_put_command(char *p, const struct slice *args, size_t n);
