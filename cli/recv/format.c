#include "format.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base64.h"
#include "buf.h"
#include "memory.h"
#include "message.h"

typedef void put_fn(const struct message *m, struct buf *b);

static void
put_channel(const struct message *m, struct buf *b)
{
	memory_check(buf_append(b, m->channel.p, m->channel.len));
}

static void
put_pattern(const struct message *m, struct buf *b)
{
	memory_check(buf_append(b, m->pattern.p, m->pattern.len));
}

static void
put_payload(const struct message *m, struct buf *b)
{
	memory_check(buf_append(b, m->payload.p, m->payload.len));
}

static void
put_hex(const struct message *m, struct buf *b)
{
	static const char digits[] = "0123456789abcdef";

	memory_check(buf_reserve(b, 2 * m->payload.len));
	for (size_t i = 0; i < m->payload.len; i++) {
		b->data[b->len++] = (uint8_t)digits[m->payload.p[i] >> 4];
		b->data[b->len++] = (uint8_t)digits[m->payload.p[i] & 15];
	}
}

static void
put_base64(const struct message *m, struct buf *b)
{
	memory_check(buf_reserve(b, base64_size(m->payload.len)));
	b->len += base64_put((char *)b->data + b->len, m->payload.p, m->payload.len);
}

static void
put_string(const struct message *m, struct buf *b)
{
	message_put_string(m->payload, b);
}

static void
put_length(const struct message *m, struct buf *b)
{
	memory_check(buf_printf(b, "%zu", m->payload.len));
}

static void
put_number(const struct message *m, struct buf *b)
{
	memory_check(buf_printf(b, "%" PRIu64, m->number));
}

static void
put_time(const struct message *m, struct buf *b)
{
	char text[MESSAGE_TIME_MAX];

	memory_check(buf_append(b, text, message_format_time(&m->time, false, text)));
}

static void
put_seconds(const struct message *m, struct buf *b)
{
	memory_check(buf_printf(b, "%lld.%06ld", (long long)m->time.tv_sec, m->time.tv_nsec / 1000));
}

static const struct directive {
	char letter;
	const char *what;
	put_fn *put;
} directives[] = {
	{ 'c', "channel", put_channel },
	{ 'P', "pattern it came by", put_pattern },
	{ 'p', "payload", put_payload },
	{ 'x', "payload in hexadecimal", put_hex },
	{ 'b', "payload in base64", put_base64 },
	{ 'j', "payload as a JSON string", put_string },
	{ 'l', "length of the payload", put_length },
	{ 'n', "number of the message", put_number },
	{ 'I', "time in ISO 8601", put_time },
	{ 'U', "seconds since 1970", put_seconds },
};

#define N_DIRECTIVES (sizeof(directives) / sizeof(directives[0]))

/* Bytes to be printed as they are, and behind them what a directive stands for. */
struct piece {
	size_t start, len; /* in struct format.literals */
	put_fn *put;       /* NULL: none */
};

struct format {
	struct buf literals;
	struct piece *pieces;
	size_t n;
	bool bare;
};

static const struct {
	char letter, byte;
} escapes[] = {
	{ 'n', '\n' }, { 't', '\t' }, { 'r', '\r' }, { '0', '\0' }, { 'a', '\a' }, { 'e', '\x1b' }, { '\\', '\\' },
};

#define N_ESCAPES (sizeof(escapes) / sizeof(escapes[0]))

/* The bytes of the character that begins at text, at least 1: messages must not cut it. */
static int
character_len(const char *text)
{
	int len = 1;

	while ((text[len] & 0xc0) == 0x80)
		len++;
	return len;
}

/* text: what follows the percent sign. */
static void
explain_directive(const char *text, char error[FORMAT_ERROR_MAX])
{
	int n;

	if (*text)
		n = snprintf(error, FORMAT_ERROR_MAX, "'%%%.*s' is unknown; there are", character_len(text), text);
	else
		n = snprintf(error, FORMAT_ERROR_MAX, "a single '%%' at the end; there are");
	for (size_t i = 0; i < N_DIRECTIVES; i++)
		n += snprintf(error + n, FORMAT_ERROR_MAX - (size_t)n, " %%%c %s,", directives[i].letter,
		              directives[i].what);
	snprintf(error + n, FORMAT_ERROR_MAX - (size_t)n, " and %%%% for a percent sign");
}

/* text: what follows the backslash. */
static void
explain_escape(const char *text, char error[FORMAT_ERROR_MAX])
{
	int n;

	if (*text == 'x')
		n = snprintf(error, FORMAT_ERROR_MAX, "'\\x' without two hexadecimal digits; there are");
	else if (*text == 'c')
		n = snprintf(error, FORMAT_ERROR_MAX, "'\\c' that is not at the end; there are");
	else if (*text)
		n = snprintf(error, FORMAT_ERROR_MAX, "'\\%.*s' is unknown; there are", character_len(text), text);
	else
		n = snprintf(error, FORMAT_ERROR_MAX, "a single '\\' at the end; there are");
	for (size_t i = 0; i < N_ESCAPES; i++)
		n += snprintf(error + n, FORMAT_ERROR_MAX - (size_t)n, " \\%c", escapes[i].letter);
	snprintf(error + n, FORMAT_ERROR_MAX - (size_t)n, " \\xHH, and \\c at the end");
}

static int
hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

static void
add_byte(struct format *f, char byte)
{
	memory_check(buf_append(&f->literals, &byte, 1));
	f->pieces[f->n].len++;
}

/* text: what follows the backslash. Returns how much of it that is, 0 where it is no escape. */
static size_t
parse_escape(struct format *f, const char *text)
{
	if (*text == 'c' && text[1] == '\0') {
		f->bare = true;
		return 1;
	}
	if (*text == 'x' && hex_digit(text[1]) >= 0 && hex_digit(text[2]) >= 0) {
		add_byte(f, (char)(hex_digit(text[1]) << 4 | hex_digit(text[2])));
		return 3;
	}
	for (size_t i = 0; i < N_ESCAPES; i++) {
		if (escapes[i].letter == *text) {
			add_byte(f, escapes[i].byte);
			return 1;
		}
	}
	return 0;
}

/* The same for what follows a percent sign. */
static size_t
parse_directive(struct format *f, const char *text)
{
	if (*text == '%') {
		add_byte(f, '%');
		return 1;
	}
	for (size_t i = 0; i < N_DIRECTIVES; i++) {
		if (directives[i].letter == *text) {
			f->pieces[f->n++].put = directives[i].put;
			f->pieces[f->n].start = f->literals.len;
			return 1;
		}
	}
	return 0;
}

/* Returns how much of the text is dealt with, 0 where it is wrong. */
static size_t
parse_one(struct format *f, const char *text, char error[FORMAT_ERROR_MAX])
{
	size_t used = 0;

	if (*text == '%') {
		used = parse_directive(f, text + 1);
		if (used == 0)
			explain_directive(text + 1, error);
	} else if (*text == '\\') {
		used = parse_escape(f, text + 1);
		if (used == 0)
			explain_escape(text + 1, error);
	} else {
		add_byte(f, *text);
		return 1;
	}
	return used > 0 ? used + 1 : 0;
}

int
format_parse(const char *text, char error[FORMAT_ERROR_MAX], struct format **ret_format)
{
	struct format *f = memory_alloc(sizeof(*f));
	size_t used;

	f->pieces = memory_alloc((strlen(text) / 2 + 1) * sizeof(*f->pieces));
	while (*text) {
		used = parse_one(f, text, error);
		if (used == 0) {
			format_free(f);
			return -EINVAL;
		}
		text += used;
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

void
format_put(const struct format *f, const struct message *m, struct buf *b)
{
	for (const struct piece *piece = f->pieces; piece < f->pieces + f->n; piece++) {
		if (piece->len > 0)
			memory_check(buf_append(b, f->literals.data + piece->start, piece->len));
		if (piece->put)
			piece->put(m, b);
	}
}

bool
format_is_bare(const struct format *f)
{
	return f->bare;
}
