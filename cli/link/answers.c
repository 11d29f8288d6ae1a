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
	size_t n = 0, zeros = 0, step;

	while ((step = answers_integer_len(p, end)) > 0) {
		zeros += step == 4 && p[1] == '0';
		last = p;
		p += step;
		n++;
	}
	*ret_answers = (struct answers){ .integers = n, .zeros = zeros, .used = (size_t)(p - start) };
	if (n > 0) {
		ret_answers->first = strtoull((const char *)start + 1, NULL, 10);
		ret_answers->last = strtoull((const char *)last + 1, NULL, 10);
	}
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

int
answers_error_status(const struct slice *text)
{
	return answers_error_is(text, "NOPERM") ? EX_NOPERM : EX_PROTOCOL;
}
