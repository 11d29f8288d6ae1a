/*
 * A format is a list of pieces. Each piece is some literal bytes and then, except for the last, a directive. The
 * literals of all pieces lie in one buffer, with escapes already replaced, so that printing does no parsing.
 */
#include "format.h"

#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base64.h"
#include "buf.h"
#include "memory.h"
#include "message.h"
#include "record.h"

static const struct {
	char letter;
	const char *what;
} directives[] = {
	{ 'c', "channel" },
	{ 'P', "pattern that matched" },
	{ 'p', "payload" },
	{ 'x', "payload in hexadecimal" },
	{ 'b', "payload in base64" },
#ifndef JANSSON_IS_MISSING
	{ 'j', "payload as a JSON string" },
#endif
	{ 'l', "length of the payload" },
	{ 'n', "number of the message" },
	{ 'i', "ID of the entry" },
	{ 'I', "time in ISO 8601" },
	{ 'U', "seconds since 1970" },
};

#define N_DIRECTIVES (sizeof(directives) / sizeof(directives[0]))

static const struct {
	char letter, byte;
} escapes[] = {
	{ 'n', '\n' }, { 't', '\t' }, { 'r', '\r' }, { '0', '\0' }, { 'a', '\a' }, { 'e', '\x1b' }, { '\\', '\\' },
};

#define N_ESCAPES (sizeof(escapes) / sizeof(escapes[0]))

struct format {
	struct buf literals;
	struct piece {
		size_t start, len; /* in literals */
		char directive;    /* 0 in the last piece */
	} * pieces;
	size_t n;
	bool bare;
};

/* text: the mistake, from its percent sign or backslash on. */
static void
format_explain(const char *text, char error[FORMAT_ERROR_MAX])
{
	char sign = *text++;
	int n, len = 1; /* bytes of the UTF-8 character at text: the message must not cut it in half */

	if (*text == '\0') {
		n = snprintf(error, FORMAT_ERROR_MAX, "a single '%c' at the end; use", sign);
	} else if (sign == '\\' && *text == 'x') {
		n = snprintf(error, FORMAT_ERROR_MAX, "'\\x' needs two hexadecimal digits; use");
	} else if (sign == '\\' && *text == 'c') {
		n = snprintf(error, FORMAT_ERROR_MAX, "'\\c' must be at the end; use");
	} else {
		while ((text[len] & 0xc0) == 0x80)
			len++;
		n = snprintf(error, FORMAT_ERROR_MAX, "'%c%.*s' is unknown; use", sign, len, text);
	}
	for (size_t i = 0; sign == '%' && i < N_DIRECTIVES; i++)
		n += snprintf(error + n, FORMAT_ERROR_MAX - (size_t)n, " %%%c %s,", directives[i].letter,
		              directives[i].what);
	for (size_t i = 0; sign == '\\' && i < N_ESCAPES; i++)
		n += snprintf(error + n, FORMAT_ERROR_MAX - (size_t)n, " \\%c", escapes[i].letter);
	snprintf(error + n, FORMAT_ERROR_MAX - (size_t)n, "%s",
	         sign == '%' ? " or %% for a percent sign" : " \\xHH, or \\c at the end");
}

static void
format_add_byte(struct format *f, char byte)
{
	memory_check(buf_append(&f->literals, &byte, 1));
	f->pieces[f->n].len++;
}

/* text: what follows the backslash. Returns its bytes that belong to the escape, 0 if there is no such escape. */
static size_t
format_add_escape(struct format *f, const char *text)
{
	if (*text == 'c' && text[1] == '\0') {
		f->bare = true;
		return 1;
	}
	if (*text == 'x' && isxdigit((unsigned char)text[1]) && isxdigit((unsigned char)text[2])) {
		format_add_byte(f, (char)strtoul((char[]){ text[1], text[2], '\0' }, NULL, 16));
		return 3;
	}
	for (size_t i = 0; i < N_ESCAPES; i++) {
		if (escapes[i].letter == *text) {
			format_add_byte(f, escapes[i].byte);
			return 1;
		}
	}
	return 0;
}

/* letter: what follows the percent sign. Returns 1, or 0 if there is no such directive. */
static size_t
format_add_directive(struct format *f, char letter)
{
	if (letter == '%') {
		format_add_byte(f, '%');
		return 1;
	}
	for (size_t i = 0; i < N_DIRECTIVES; i++) {
		if (directives[i].letter == letter) {
			f->pieces[f->n++].directive = letter;
			f->pieces[f->n].start = f->literals.len;
			return 1;
		}
	}
	return 0;
}

int
format_parse(const char *text, char error[FORMAT_ERROR_MAX], struct format **ret_format)
{
	struct format *f = memory_alloc(sizeof(*f));
	size_t used = 1;

	f->pieces = memory_alloc((strlen(text) / 2 + 1) * sizeof(*f->pieces));
	while (*text && used > 0) {
		char c = *text++;

		if (c != '%' && c != '\\') {
			format_add_byte(f, c);
			continue;
		}
		used = c == '%' ? format_add_directive(f, *text) : format_add_escape(f, text);
		if (used == 0)
			format_explain(text - 1, error);
		text += used;
	}
	if (used == 0) {
		format_free(f);
		return -EINVAL;
	}
	f->n++;
	*ret_format = f;
	return 0;
}

void
format_free(struct format *f)
{
	if (!f)
		return;
	buf_deinit(&f->literals);
	free(f->pieces);
	free(f);
}

static void
format_put_directive(char directive, const struct message *m, bool clean, struct buf *b)
{
	const struct slice *payload = &m->payload;
	char time[MESSAGE_TIME_MAX];

	switch (directive) {
	case 'c':
		message_put_text(m->channel, clean, b);
		break;
	case 'P':
		message_put_text(m->pattern, clean, b);
		break;
	case 'p':
		message_put_text(*payload, clean, b);
		break;
	case 'x':
		memory_check(buf_reserve(b, 2 * payload->len));
		for (const uint8_t *p = payload->p; p < payload->p + payload->len; p++) {
			b->data[b->len++] = (uint8_t) "0123456789abcdef"[*p >> 4];
			b->data[b->len++] = (uint8_t) "0123456789abcdef"[*p & 15];
		}
		break;
	case 'b':
		memory_check(buf_reserve(b, base64_size(payload->len)));
		b->len += base64_put((char *)b->data + b->len, payload->p, payload->len);
		break;
	case 'j':
		message_put_string(*payload, b);
		break;
	case 'l':
		memory_check(buf_printf(b, "%zu", payload->len));
		break;
	case 'n':
		memory_check(buf_printf(b, "%" PRIu64, m->number));
		break;
	case 'i':
		message_put_text(m->id, false, b);
		break;
	case 'I':
		memory_check(buf_append(b, time, message_format_time(&m->time, false, time)));
		break;
	case 'U':
		memory_check(buf_printf(b, "%lld.%06ld", (long long)m->time.tv_sec, m->time.tv_nsec / 1000));
		break;
	}
}

void
format_put(const struct format *f, const struct message *m, bool clean, struct buf *b)
{
	for (const struct piece *piece = f->pieces; piece < f->pieces + f->n; piece++) {
		memory_check(buf_append(b, f->literals.data + piece->start, piece->len));
		format_put_directive(piece->directive, m, clean, b);
	}
}

bool
format_is_bare(const struct format *f)
{
	return f->bare;
}
