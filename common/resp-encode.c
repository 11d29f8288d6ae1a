#include "resp-encode.h"

#include "num.h"

size_t
resp_put_long_header(char *p, char type, uint64_t value)
{
	size_t n;

	p[0] = type;
	n = 1 + num_put_u64(p + 1, value);
	p[n++] = '\r';
	p[n++] = '\n';
	return n;
}

size_t
resp_bulk_size(size_t len)
{
	char header[RESP_HEADER_MAX];

	return resp_put_header(header, '$', len) + len + 2;
}

size_t
resp_command_size(const struct slice *args, size_t n)
{
	size_t size = RESP_HEADER_MAX;

	for (size_t i = 0; i < n; i++)
		size += args[i].len + RESP_HEADER_MAX;
	return size;
}

size_t
resp_put_command(char *p, const struct slice *args, size_t n)
{
	size_t at = resp_put_header(p, '*', n);

	for (size_t i = 0; i < n; i++)
		at += resp_put_bulk(p + at, args[i].p, args[i].len);
	return at;
}
