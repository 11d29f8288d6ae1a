#include "resp-request.h"

#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "num.h"

static enum resp_request_status __attribute__((format(printf, 2, 3)))
fail(struct resp_request *r, const char *format, ...)
{
	va_list ap;

	va_start(ap, format);
	vsnprintf(r->error, sizeof(r->error), format, ap);
	va_end(ap);
	return RESP_REQUEST_ERROR;
}

static enum resp_request_status
more(struct resp_request *r, size_t need)
{
	r->need = need;
	r->tail_offset = 0;
	return RESP_REQUEST_MORE;
}

/* Arguments there is room for from the first command on. */
#define ARGS_FIRST ((size_t)16)

static bool
reserve_args(struct resp_request *r, size_t n)
{
	size_t cap = r->argv_cap > 0 ? r->argv_cap : ARGS_FIRST;
	struct slice *argv;

	if (n <= r->argv_cap)
		return true;
	while (cap < n)
		cap *= 2;
	argv = realloc(r->argv, cap * sizeof(*argv));
	if (!argv)
		return false;
	r->argv = argv;
	r->argv_cap = cap;
	return true;
}

void
resp_request_deinit(struct resp_request *r)
{
	free(r->argv);
	free(r->unquoted);
	*r = (struct resp_request){ 0 };
}

static bool
is_blank(char c)
{
	return c == ' ' || (c >= '\t' && c <= '\r');
}

static int
hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c |= 0x20;
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* Reads one escape sequence after its backslash inside double quotes; at least one byte is there. */
static const char *
unescape(const char *p, const char *end, char *ret_c)
{
	static const char from[] = "nrtba", to[] = "\n\r\t\b\a";
	const char *known = strchr(from, *p);

	if (*p == 'x' && end - p >= 3 && hex_digit(p[1]) >= 0 && hex_digit(p[2]) >= 0) {
		*ret_c = (char)(hex_digit(p[1]) * 16 + hex_digit(p[2]));
		return p + 3;
	}
	*ret_c = *p && known ? to[known - from] : *p;
	return p + 1;
}

/* Reads a quoted run up to and with its closing quote; NULL where that is missing or not at an argument's end. */
static const char *
read_quoted(const char *p, const char *end, char quote, char **out)
{
	while (p < end && *p != quote) {
		if (*p == '\\' && quote == '"' && p + 1 < end)
			p = unescape(p + 1, end, (*out)++);
		else if (*p == '\\' && quote == '\'' && p + 1 < end && p[1] == '\'')
			*(*out)++ = p[1], p += 2;
		else
			*(*out)++ = *p++;
	}
	if (p == end || (p + 1 < end && !is_blank(p[1])))
		return NULL;
	return p + 1;
}

/* As in Redis: fewer characters end a word than may stand before one or after a quote. */
static bool
ends_word(char c)
{
	return c == ' ' || c == '\n' || c == '\r' || c == '\t' || c == '\0';
}

/* Reads one argument, which does not begin with a blank; NULL for unbalanced quotes. */
static const char *
read_word(const char *p, const char *end, char **out)
{
	while (p < end && !ends_word(*p)) {
		if (*p == '"' || *p == '\'')
			return read_quoted(p + 1, end, *p, out);
		*(*out)++ = *p++;
	}
	return p;
}

/* Splits a line into arguments; they never take more bytes than the line. */
static enum resp_request_status
split_line(struct resp_request *r, const char *p, const char *end)
{
	char *out;

	if (!r->unquoted && !(r->unquoted = malloc(PROTOCOL_LINE_MAX)))
		return RESP_REQUEST_NOMEM;
	out = r->unquoted;
	for (r->argc = 0;; r->argc++) {
		char *word = out;

		while (p < end && (is_blank(*p) || !*p))
			p++;
		if (p == end)
			return RESP_REQUEST_OK;
		if (!reserve_args(r, r->argc + 1))
			return RESP_REQUEST_NOMEM;
		p = read_word(p, end, &out);
		if (!p)
			return fail(r, "unbalanced quotes in request");
		r->argv[r->argc] = (struct slice){ (const uint8_t *)word, (size_t)(out - word) };
	}
}

static enum resp_request_status
parse_inline(struct resp_request *r, const uint8_t *buf, size_t len)
{
	const uint8_t *newline = memchr(buf, '\n', len < PROTOCOL_LINE_MAX ? len : PROTOCOL_LINE_MAX);
	const char *end = (const char *)newline;

	if (!newline)
		return len >= PROTOCOL_LINE_MAX ? fail(r, "too big inline request") : more(r, len + 1);
	r->used = (size_t)(newline - buf) + 1;
	if (newline > buf && end[-1] == '\r')
		end--;
	return split_line(r, (const char *)buf, end);
}

/*
 * The CR of the length line at p, if it is all there. A line that is too long has none, so that it is the same error
 * in one read and in many.
 */
static const uint8_t *
find_line_end(const uint8_t *p, size_t len)
{
	const uint8_t *cr = memchr(p, '\r', len < PROTOCOL_LINE_MAX ? len : PROTOCOL_LINE_MAX);

	return cr && cr + 1 < p + len ? cr : NULL;
}

/* read_number() for a line that is not complete, or has anything else than one to nine plain digits. */
static int __attribute__((noinline)) read_unusual_number(const uint8_t *buf, size_t len, size_t *at, int64_t *ret_value)
{
	const uint8_t *cr = find_line_end(buf + *at - 1, len - (*at - 1));

	if (!cr)
		return 1;
	if (num_parse_resp(buf + *at, (size_t)(cr - (buf + *at)), ret_value) != 0)
		return -1;
	*at = (size_t)(cr - buf) + 2;
	return 0;
}

/*
 * Reads the number of a header line at *at, which stands at its first digit, and moves *at behind its
 * CRLF. Fails with -1 on a bad number; returns 1 while the line is not complete.
 */
static inline int
read_number(const uint8_t *buf, size_t len, size_t *at, int64_t *ret_value)
{
	size_t begin = *at, i = begin, end = len - begin > 9 ? begin + 9 : len;
	uint32_t value = 0, digit;

	for (; i < end && (digit = (uint32_t)buf[i] - '0') < 10; i++)
		value = value * 10 + digit;
	if (i == begin || i + 1 >= len || buf[i] != '\r' || (buf[begin] == '0' && i > begin + 1))
		return read_unusual_number(buf, len, at, ret_value);
	*at = i + 2;
	*ret_value = value;
	return 0;
}

/* Reads the argument at *at and moves *at behind it. is_last: no other follows. */
static enum resp_request_status
read_bulk(struct resp_request *r, const uint8_t *buf, size_t len, size_t *at, bool is_last, size_t max_bulk,
          struct slice *ret_arg)
{
	size_t begin = *at, p = *at + 1;
	int64_t size;
	int s;

	if (begin == len)
		return more(r, len + 1);
	if (buf[begin] == '$')
		s = read_number(buf, len, &p, &size);
	else if (!find_line_end(buf + begin, len - begin))
		s = 1; /* Redis looks at the type only when the line is there */
	else
		return fail(r, "expected '$', got '%c'", buf[begin]);
	if (s > 0 && len - begin > PROTOCOL_LINE_MAX)
		return fail(r, "too big bulk count string");
	if (s > 0)
		return more(r, len + 1);
	if (s < 0 || size < 0 || (uint64_t)size > max_bulk)
		return fail(r, "invalid bulk length");
	if (p + (size_t)size > max_bulk + PROTOCOL_REQUEST_ROOM)
		return fail(r, "too big request");
	if (len - p < (size_t)size + 2) {
		r->need = p + (size_t)size + 2;
		r->tail_offset = is_last ? p : 0;
		r->tail_len = (size_t)size;
		return RESP_REQUEST_MORE;
	}
	*ret_arg = (struct slice){ buf + p, (size_t)size };
	*at = p + (size_t)size + 2; /* like Redis, what stands where the CRLF belongs is not looked at */
	return RESP_REQUEST_OK;
}

/* Goes on where an earlier call stopped, without collecting the arguments: OK means that all are there now. */
static enum resp_request_status
catch_up(struct resp_request *r, struct resp_progress *progress, const uint8_t *buf, size_t len, size_t max_bulk)
{
	enum resp_request_status status = RESP_REQUEST_OK;
	struct slice arg;

	while (status == RESP_REQUEST_OK && progress->argc < progress->count) {
		status = read_bulk(r, buf, len, &progress->at, progress->argc + 1 == progress->count, max_bulk, &arg);
		progress->argc += status == RESP_REQUEST_OK;
	}
	return status;
}

/* The number of an array's arguments; *ret_at: where the first one begins. */
static enum resp_request_status
read_count(struct resp_request *r, const uint8_t *buf, size_t len, size_t *ret_at, size_t *ret_count)
{
	int64_t count;
	size_t at = 1;
	int s = read_number(buf, len, &at, &count);

	if (s > 0)
		return len > PROTOCOL_LINE_MAX ? fail(r, "too big mbulk count string") : more(r, len + 1);
	if (s < 0 || count > INT32_MAX)
		return fail(r, "invalid multibulk length");
	*ret_at = at;
	*ret_count = count > 0 ? (size_t)count : 0;
	return RESP_REQUEST_OK;
}

/* Lengths of at most two digits, and counts of one, are read by parse_short(). */
#define SHORT_BULK_MAX ((size_t)99)
#define SHORT_COUNT_MAX ((size_t)9)

_Static_assert(SHORT_COUNT_MAX <= ARGS_FIRST, "short requests need no more than the first arguments");

/* The shortest of these: "*1\r\n$0\r\n\r\n". */
#define SHORT_MIN ((size_t)10)

/* The usual array: few short arguments, and all of it is there. Returns false for any other. */
static inline bool
parse_short(struct resp_request *r, const uint8_t *buf, size_t len)
{
	struct slice *arg = r->argv;
	uint32_t count, digit;
	size_t at = 4, size;

	if (len < SHORT_MIN || buf[0] != '*' || (count = (uint32_t)buf[1] - '0') - 1 >= SHORT_COUNT_MAX ||
	    buf[2] != '\r')
		return false;
	for (struct slice *end = arg + count; arg < end; arg++) {
		if (at > len - 6 || buf[at] != '$' || (size = (size_t)buf[at + 1] - '0') > 9)
			return false;
		at += 4;
		if (buf[at - 2] != '\r') {
			digit = (uint32_t)buf[at - 2] - '0';
			if (digit > 9 || size == 0 || buf[at - 1] != '\r')
				return false;
			size = size * 10 + digit;
			at++;
		}
		*arg = (struct slice){ buf + at, size };
		at += size + 2;
		if (at > len)
			return false;
	}
	r->argc = count;
	r->used = at;
	return true;
}

static enum resp_request_status
parse_array(struct resp_request *r, struct resp_progress *progress, const uint8_t *buf, size_t len, size_t max_bulk)
{
	enum resp_request_status status = RESP_REQUEST_OK;
	size_t at = 0, count = 0;

	if (progress->at > 0) {
		status = catch_up(r, progress, buf, len, max_bulk);
		if (status == RESP_REQUEST_MORE)
			return status;
		*progress = (struct resp_progress){ 0 };
		if (status != RESP_REQUEST_OK)
			return status;
	}
	status = read_count(r, buf, len, &at, &count);
	if (status != RESP_REQUEST_OK)
		return status;
	if (!reserve_args(r, count < ARGS_FIRST ? count : ARGS_FIRST))
		return RESP_REQUEST_NOMEM;
	for (size_t argc = 0; argc < count; argc++) {
		if (argc == PROTOCOL_ARGS_MAX)
			return fail(r, "too big request");
		if (argc == r->argv_cap && !reserve_args(r, argc + 1))
			return RESP_REQUEST_NOMEM;
		status = read_bulk(r, buf, len, &at, argc + 1 == count, max_bulk, &r->argv[argc]);
		if (status == RESP_REQUEST_OK)
			continue;
		r->argc = argc;
		if (status == RESP_REQUEST_MORE)
			*progress = (struct resp_progress){ at, argc, count };
		return status;
	}
	r->argc = count;
	r->used = at;
	return RESP_REQUEST_OK;
}

static enum resp_request_status __attribute__((noinline))
parse_any(struct resp_request *r, struct resp_progress *progress, const uint8_t *buf, size_t len, size_t max_bulk)
{
	if (len == 0)
		return more(r, 1);
	if (buf[0] == '*')
		return parse_array(r, progress, buf, len, max_bulk);
	return parse_inline(r, buf, len);
}

enum resp_request_status
resp_request_parse(struct resp_request *r, struct resp_progress *progress, const uint8_t *buf, size_t len,
                   size_t max_bulk)
{
	if (progress->at == 0 && r->argv_cap > 0 && max_bulk >= SHORT_BULK_MAX && parse_short(r, buf, len))
		return RESP_REQUEST_OK;
	return parse_any(r, progress, buf, len, max_bulk);
}

void
resp_request_add_tail(struct resp_request *r, const uint8_t *tail)
{
	/* There is room: it was made before the header of this argument was read. */
	r->argv[r->argc++] = (struct slice){ tail, r->tail_len };
}
