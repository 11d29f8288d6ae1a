/*
 * Nearly every request is a complete array of a few short arguments. resp_request_parse_short() reads that without a
 * call; everything else goes to resp_request_parse_any().
 *
 * Arguments are slices of the input, so they cannot be kept while an array is not complete: the caller may move the
 * bytes until more arrive. Only the place of the next argument is kept (struct resp_progress), and the call that finds
 * the last one collects all arguments in a second walk. So each argument is read at most twice, however many reads the
 * array takes.
 *
 * What is accepted, and the texts of errors, are Redis's.
 */
#include "resp-request.h"

#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "num.h"

static enum resp_request_status __attribute__((format(printf, 2, 3)))
resp_request_fail(struct resp_request *r, const char *format, ...)
{
	va_list ap;

	va_start(ap, format);
	vsnprintf(r->error, sizeof(r->error), format, ap);
	va_end(ap);
	return RESP_REQUEST_ERROR;
}

static enum resp_request_status
resp_request_more(struct resp_request *r, size_t need)
{
	r->need = need;
	r->tail_offset = 0;
	return RESP_REQUEST_MORE;
}

/* Room for arguments that is allocated at first, and then kept. */
#define ARGS_FIRST ((size_t)16)

static bool
resp_request_reserve_args(struct resp_request *r, size_t n)
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
resp_request_is_blank(char c)
{
	return c == ' ' || (c >= '\t' && c <= '\r');
}

static int
resp_request_hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c |= 0x20;
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* Reads one escape sequence in double quotes, without its backslash; it has at least one byte. */
static const char *
resp_request_unescape(const char *p, const char *end, char *ret_c)
{
	static const char from[] = "nrtba", to[] = "\n\r\t\b\a";
	const char *known = strchr(from, *p);

	if (*p == 'x' && end - p >= 3 && resp_request_hex_digit(p[1]) >= 0 && resp_request_hex_digit(p[2]) >= 0) {
		*ret_c = (char)(resp_request_hex_digit(p[1]) * 16 + resp_request_hex_digit(p[2]));
		return p + 3;
	}
	*ret_c = *p && known ? to[known - from] : *p;
	return p + 1;
}

/* Reads up to the closing quote. Returns where the text continues, or NULL: no quote, or no blank after it. */
static const char *
resp_request_read_quoted(const char *p, const char *end, char quote, char **out)
{
	while (p < end && *p != quote) {
		if (*p == '\\' && quote == '"' && p + 1 < end)
			p = resp_request_unescape(p + 1, end, (*out)++);
		else if (*p == '\\' && quote == '\'' && p + 1 < end && p[1] == '\'')
			*(*out)++ = p[1], p += 2;
		else
			*(*out)++ = *p++;
	}
	if (p == end || (p + 1 < end && !resp_request_is_blank(p[1])))
		return NULL;
	return p + 1;
}

/* As in Redis, these are fewer than the blanks that are skipped before a word and allowed after a quote. */
static bool
resp_request_ends_word(char c)
{
	return c == ' ' || c == '\n' || c == '\r' || c == '\t' || c == '\0';
}

/* Reads one argument. Returns where the text continues, or NULL for unbalanced quotes. */
static const char *
resp_request_read_word(const char *p, const char *end, char **out)
{
	while (p < end && !resp_request_ends_word(*p)) {
		if (*p == '"' || *p == '\'')
			return resp_request_read_quoted(p + 1, end, *p, out);
		*(*out)++ = *p++;
	}
	return p;
}

/* Splits a line into arguments. Together they are not longer than the line, so r->unquoted has room for them. */
static enum resp_request_status
resp_request_split_line(struct resp_request *r, const char *p, const char *end)
{
	char *out;

	if (!r->unquoted && !(r->unquoted = malloc(PROTOCOL_LINE_MAX)))
		return RESP_REQUEST_NOMEM;
	out = r->unquoted;
	for (r->argc = 0;; r->argc++) {
		char *word = out;

		while (p < end && (resp_request_is_blank(*p) || !*p))
			p++;
		if (p == end)
			return RESP_REQUEST_OK;
		if (!resp_request_reserve_args(r, r->argc + 1))
			return RESP_REQUEST_NOMEM;
		p = resp_request_read_word(p, end, &out);
		if (!p)
			return resp_request_fail(r, "unbalanced quotes in request");
		r->argv[r->argc] = (struct slice){ (const uint8_t *)word, (size_t)(out - word) };
	}
}

static enum resp_request_status
resp_request_parse_inline(struct resp_request *r, const uint8_t *buf, size_t len)
{
	const uint8_t *newline = memchr(buf, '\n', len < PROTOCOL_LINE_MAX ? len : PROTOCOL_LINE_MAX);
	const char *end = (const char *)newline;

	if (!newline)
		return len >= PROTOCOL_LINE_MAX ? resp_request_fail(r, "too big inline request")
		                                : resp_request_more(r, len + 1);
	r->used = (size_t)(newline - buf) + 1;
	if (newline > buf && end[-1] == '\r')
		end--;
	return resp_request_split_line(r, (const char *)buf, end);
}

/*
 * The CR of the header line at p, or NULL if the line is not complete. The CR of a line that is too long is not found,
 * so the error is the same whether the line arrives at once or in parts.
 */
static const uint8_t *
resp_request_find_line_end(const uint8_t *p, size_t len)
{
	const uint8_t *cr = memchr(p, '\r', len < PROTOCOL_LINE_MAX ? len : PROTOCOL_LINE_MAX);

	return cr && cr + 1 < p + len ? cr : NULL;
}

/* resp_request_read_number() for a line that is incomplete, or anything but one to nine digits. */
static int __attribute__((noinline))
resp_request_read_unusual_number(const uint8_t *buf, size_t len, size_t *at, int64_t *ret_value)
{
	const uint8_t *cr = resp_request_find_line_end(buf + *at - 1, len - (*at - 1));

	if (!cr)
		return 1;
	if (num_parse_resp(buf + *at, (size_t)(cr - (buf + *at)), ret_value) != 0)
		return -1;
	*at = (size_t)(cr - buf) + 2;
	return 0;
}

/*
 * Reads the number of a header line, whose first digit is at *at, and moves *at past its CRLF. Returns 0, 1 if the line
 * is not complete, or -1 if it is no number.
 */
static inline int
resp_request_read_number(const uint8_t *buf, size_t len, size_t *at, int64_t *ret_value)
{
	size_t begin = *at, i = begin, end = len - begin > 9 ? begin + 9 : len;
	uint32_t value = 0, digit;

	for (; i < end && (digit = (uint32_t)buf[i] - '0') < 10; i++)
		value = value * 10 + digit;
	if (i == begin || i + 1 >= len || buf[i] != '\r' || (buf[begin] == '0' && i > begin + 1))
		return resp_request_read_unusual_number(buf, len, at, ret_value);
	*at = i + 2;
	*ret_value = value;
	return 0;
}

/* Reads the argument at *at and moves *at past it. is_last: it is the last one of the request. */
static enum resp_request_status
resp_request_read_bulk(struct resp_request *r, const uint8_t *buf, size_t len, size_t *at, bool is_last,
                       size_t max_bulk, struct slice *ret_arg)
{
	size_t begin = *at, p = *at + 1;
	int64_t size;
	int s;

	if (begin == len)
		return resp_request_more(r, len + 1);
	if (buf[begin] == '$')
		s = resp_request_read_number(buf, len, &p, &size);
	else if (!resp_request_find_line_end(buf + begin, len - begin))
		s = 1; /* Redis looks at the type only when the line is complete */
	else
		return resp_request_fail(r, "expected '$', got '%c'", buf[begin]);
	if (s > 0 && len - begin > PROTOCOL_LINE_MAX)
		return resp_request_fail(r, "too big bulk count string");
	if (s > 0)
		return resp_request_more(r, len + 1);
	if (s < 0 || size < 0 || (uint64_t)size > max_bulk)
		return resp_request_fail(r, "invalid bulk length");
	if (p + (size_t)size > max_bulk + PROTOCOL_REQUEST_ROOM)
		return resp_request_fail(r, "too big request");
	if (len - p < (size_t)size + 2) {
		r->need = p + (size_t)size + 2;
		r->tail_offset = is_last ? p : 0;
		r->tail_len = (size_t)size;
		return RESP_REQUEST_MORE;
	}
	*ret_arg = (struct slice){ buf + p, (size_t)size };
	*at = p + (size_t)size + 2; /* like Redis, without looking at the two bytes that should be CRLF */
	return RESP_REQUEST_OK;
}

/* Continues where the last call stopped, without collecting the arguments. Returns OK once all have arrived. */
static enum resp_request_status
resp_request_catch_up(struct resp_request *r, struct resp_progress *progress, const uint8_t *buf, size_t len,
                      size_t max_bulk)
{
	enum resp_request_status status = RESP_REQUEST_OK;
	struct slice arg;

	while (status == RESP_REQUEST_OK && progress->argc < progress->count) {
		if (progress->argc == PROTOCOL_ARGS_MAX)
			return resp_request_fail(r, "too big request");
		status = resp_request_read_bulk(r, buf, len, &progress->at, progress->argc + 1 == progress->count,
		                                max_bulk, &arg);
		progress->argc += status == RESP_REQUEST_OK;
	}
	return status;
}

/* Reads the header of an array: the number of its arguments, and where the first one begins. */
static enum resp_request_status
resp_request_read_count(struct resp_request *r, const uint8_t *buf, size_t len, size_t *ret_at, size_t *ret_count)
{
	int64_t count;
	size_t at = 1;
	int s = resp_request_read_number(buf, len, &at, &count);

	if (s > 0)
		return len > PROTOCOL_LINE_MAX ? resp_request_fail(r, "too big mbulk count string")
		                               : resp_request_more(r, len + 1);
	if (s < 0 || count > INT32_MAX)
		return resp_request_fail(r, "invalid multibulk length");
	*ret_at = at;
	*ret_count = count > 0 ? (size_t)count : 0;
	return RESP_REQUEST_OK;
}

/* Lengths of at most two digits, and counts of one, are read by resp_request_parse_short(). */
#define SHORT_BULK_MAX ((size_t)99)
#define SHORT_COUNT_MAX ((size_t)9)

_Static_assert(SHORT_COUNT_MAX <= ARGS_FIRST, "short requests need no more than the first arguments");

/* The shortest such array: "*1\r\n$0\r\n\r\n". */
#define SHORT_MIN ((size_t)10)

/* Parses a complete array of few, short arguments. Returns false for anything else. */
static inline bool
resp_request_parse_short(struct resp_request *r, const uint8_t *buf, size_t len)
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
resp_request_parse_array(struct resp_request *r, struct resp_progress *progress, const uint8_t *buf, size_t len,
                         size_t max_bulk)
{
	enum resp_request_status status = RESP_REQUEST_OK;
	size_t at = 0, count = 0;

	if (progress->at > 0) {
		status = resp_request_catch_up(r, progress, buf, len, max_bulk);
		if (status == RESP_REQUEST_MORE)
			return status;
		*progress = (struct resp_progress){ 0 };
		if (status != RESP_REQUEST_OK)
			return status;
	}
	status = resp_request_read_count(r, buf, len, &at, &count);
	if (status != RESP_REQUEST_OK)
		return status;
	if (!resp_request_reserve_args(r, count < ARGS_FIRST ? count : ARGS_FIRST))
		return RESP_REQUEST_NOMEM;
	for (size_t argc = 0; argc < count; argc++) {
		if (argc == PROTOCOL_ARGS_MAX)
			return resp_request_fail(r, "too big request");
		if (argc == r->argv_cap && !resp_request_reserve_args(r, argc + 1))
			return RESP_REQUEST_NOMEM;
		status = resp_request_read_bulk(r, buf, len, &at, argc + 1 == count, max_bulk, &r->argv[argc]);
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
resp_request_parse_any(struct resp_request *r, struct resp_progress *progress, const uint8_t *buf, size_t len,
                       size_t max_bulk)
{
	if (len == 0)
		return resp_request_more(r, 1);
	if (buf[0] == '*')
		return resp_request_parse_array(r, progress, buf, len, max_bulk);
	return resp_request_parse_inline(r, buf, len);
}

enum resp_request_status
resp_request_parse(struct resp_request *r, struct resp_progress *progress, const uint8_t *buf, size_t len,
                   size_t max_bulk)
{
	if (progress->at == 0 && r->argv_cap > 0 && max_bulk >= SHORT_BULK_MAX && resp_request_parse_short(r, buf, len))
		return RESP_REQUEST_OK;
	return resp_request_parse_any(r, progress, buf, len, max_bulk);
}

void
resp_request_add_tail(struct resp_request *r, const uint8_t *tail)
{
	/* There is room for it: resp_request_parse_array() has reserved it before it read the header. */
	r->argv[r->argc++] = (struct slice){ tail, r->tail_len };
}
