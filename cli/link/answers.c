#include "answers.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

/* ":-9223372036854775808\r\n" */
#define INTEGER_MAX 23

/* The length of the ":N\r\n" at p; 0 where there is none that is complete and correct. */
static inline size_t
answers_integer_len(const uint8_t *p, const uint8_t *end)
{
	const uint8_t *q;

	if (p == end || *p != ':')
		return 0;
	q = p + 1;
	while (q < end && (unsigned int)(*q - '0') < 10)
		q++;
	if (q == p + 1 || end - q < 2 || q[0] != '\r' || q[1] != '\n')
		return 0;
	return (size_t)(q - p) + 2;
}

/* The longest id, or ticket, in bytes. */
#define ID_MAX 255

/* The length of the "$N\r\nID\r\n" at p; 0 where there is none that is complete and correct. */
static inline size_t
answers_id_len(const uint8_t *p, const uint8_t *end, struct slice *ret_id)
{
	const uint8_t *q;
	size_t len = 0;

	if (p == end || *p != '$')
		return 0;
	for (q = p + 1; q < end && (unsigned int)(*q - '0') < 10 && len <= ID_MAX; q++)
		len = len * 10 + (size_t)(*q - '0');
	if (q == p + 1 || len > ID_MAX || (size_t)(end - q) < len + 4 || q[0] != '\r' || q[1] != '\n' ||
	    q[len + 2] != '\r' || q[len + 3] != '\n')
		return 0;
	*ret_id = (struct slice){ q + 2, len };
	return (size_t)(q - p) + len + 4;
}

bool
answers_next_id(struct slice *bytes, struct slice *ret_id)
{
	size_t len = answers_id_len(bytes->p, bytes->p + bytes->len, ret_id);

	bytes->p += len;
	bytes->len -= len;
	return len > 0;
}

/* What is no complete id: whether it may become one. */
static enum answers_next
answers_read_partial_id(const uint8_t *p, size_t len)
{
	size_t at = 1, n = 0;

	while (at < len && p[at] >= '0' && p[at] <= '9' && n <= ID_MAX)
		n = n * 10 + (size_t)(p[at++] - '0');
	if (n > ID_MAX || (at == 1 && len > 1))
		return ANSWERS_FOREIGN;
	for (size_t i = 0; i < 4; i++, at += i == 2 ? 1 + n : 1) {
		if (at >= len)
			return ANSWERS_MORE;
		if (p[at] != "\r\n"[i % 2])
			return ANSWERS_FOREIGN;
	}
	return ANSWERS_FOREIGN;
}

/* A line of at most `max` bytes. */
static enum answers_next
answers_read_line(const uint8_t *p, size_t len, size_t max, struct answers *a)
{
	const uint8_t *newline = memchr(p, '\n', len < max ? len : max);
	size_t line;

	if (!newline)
		return len < max ? ANSWERS_MORE : ANSWERS_FOREIGN;
	line = (size_t)(newline - p);
	if (line < 2 || newline[-1] != '\r')
		return ANSWERS_FOREIGN;
	a->used += line + 1;
	a->text = (struct slice){ p + 1, line - 2 };
	return ANSWERS_OK;
}

static enum answers_next
answers_read_next(const uint8_t *p, size_t len, struct answers *a)
{
	enum answers_next next;
	size_t digits = 1;

	if (len == 0)
		return ANSWERS_MORE;
	switch (*p) {
	case ':':
		/* answers_read() has counted those that are complete and correct: may this one become so? */
		while (digits < len && p[digits] >= '0' && p[digits] <= '9')
			digits++;
		if (digits == len)
			return len < INTEGER_MAX ? ANSWERS_MORE : ANSWERS_FOREIGN;
		return digits > 1 && p[digits] == '\r' && digits + 1 == len ? ANSWERS_MORE : ANSWERS_FOREIGN;
	case '$':
		return answers_read_partial_id(p, len);
	case '-':
		next = answers_read_line(p, len, PROTOCOL_LINE_MAX, a);
		return next == ANSWERS_OK ? ANSWERS_ERROR : next;
	case '+':
		if (memcmp(p, "+OK\r\n", len < 5 ? len : 5) != 0)
			return ANSWERS_FOREIGN;
		return answers_read_line(p, len, 5, a);
	}
	return ANSWERS_FOREIGN;
}

void
answers_read(const uint8_t *p, size_t len, struct answers *ret_answers)
{
	const uint8_t *start = p, *end = p + len;
	const uint8_t *last = p;
	size_t n = 0, zeros = 0, ids = 0, step;
	struct slice id;

	while ((step = answers_id_len(p, end, &id)) > 0) {
		p += step;
		ids++;
	}
	while (ids == 0 && (step = answers_integer_len(p, end)) > 0) {
		zeros += step == 4 && p[1] == '0';
		last = p;
		p += step;
		n++;
	}
	*ret_answers = (struct answers){ .integers = n, .zeros = zeros, .ids = ids, .used = (size_t)(p - start) };
	if (ids > 0)
		ret_answers->id_bytes = (struct slice){ start, ret_answers->used };
	if (n > 0) {
		ret_answers->first = strtoull((const char *)start + 1, NULL, 10);
		ret_answers->last = strtoull((const char *)last + 1, NULL, 10);
	}
	if (ids > 0 ? answers_integer_len(p, end) > 0 : n > 0 && answers_id_len(p, end, &id) > 0)
		ret_answers->next = ANSWERS_AGAIN;
	else
		ret_answers->next = answers_read_next(p, (size_t)(end - p), ret_answers);
}

bool
answers_error_is(const struct slice *text, const char *word)
{
	size_t len = strlen(word);

	return text->len >= len && memcmp(text->p, word, len) == 0;
}

int
answers_complaint(const struct slice *text)
{
	if (answers_error_is(text, "ERR max number of clients"))
		return EUSERS;
	if (answers_error_is(text, "ERR out of memory"))
		return ENOMEM;
	return answers_error_is(text, PROTOCOL_TRY_AGAIN " ") ? ENOBUFS : 0;
}

bool
answers_error_is_temporary(const struct slice *text)
{
	return answers_error_is(text, "OOM ") || answers_error_is(text, "MISCONF ");
}

int
answers_error_status(const struct slice *text)
{
	if (answers_error_is(text, "ERR streams are off") || answers_error_is(text, "ERR too many streams"))
		return EX_UNAVAILABLE;
	if (answers_error_is_temporary(text))
		return EX_TEMPFAIL;
	return answers_error_is(text, "NOPERM") ? EX_NOPERM : EX_PROTOCOL;
}
