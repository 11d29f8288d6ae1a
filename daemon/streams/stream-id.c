#include "stream-id.h"

#include <endian.h>
#include <string.h>

#include "num.h"

/* Redis looks at no longer text. */
#define ID_TEXT_MAX ((size_t)127)

#define ID_INVALID "ERR Invalid stream ID specified as stream command argument"

bool
stream_id_next(struct stream_id *id)
{
	if (id->seq < UINT64_MAX) {
		id->seq++;
		return true;
	}
	if (id->ms == UINT64_MAX)
		return false;
	*id = (struct stream_id){ .ms = id->ms + 1 };
	return true;
}

bool
stream_id_prev(struct stream_id *id)
{
	if (id->seq > 0) {
		id->seq--;
		return true;
	}
	if (id->ms == 0)
		return false;
	*id = (struct stream_id){ .ms = id->ms - 1, .seq = UINT64_MAX };
	return true;
}

void
stream_id_put(uint8_t to[16], struct stream_id id)
{
	uint64_t words[2] = { htobe64(id.ms), htobe64(id.seq) };

	memcpy(to, words, 16);
}

struct stream_id
stream_id_get(const uint8_t from[16])
{
	uint64_t words[2];

	memcpy(words, from, 16);
	return (struct stream_id){ be64toh(words[0]), be64toh(words[1]) };
}

size_t
stream_id_format(char text[STREAM_ID_TEXT], struct stream_id id)
{
	struct stream_id_memo memo = { 0 };

	return stream_id_format_next(text, id, &memo);
}

size_t
stream_id_format_next(char text[STREAM_ID_TEXT], struct stream_id id, struct stream_id_memo *memo)
{
	size_t len;

	if (id.ms != memo->ms || memo->len == 0) {
		memo->ms = id.ms;
		memo->len = num_put_u64(memo->digits, id.ms);
	}
	memcpy(text, memo->digits, sizeof(memo->digits));
	len = memo->len;
	text[len++] = '-';
	if (id.seq < 10)
		text[len++] = (char)('0' + id.seq);
	else
		len += num_put_u64(text + len, id.seq);
	text[len] = '\0';
	return len;
}

/* Decimal digits; before them may be blanks and a plus sign, as strtoull() takes them, since Redis does. */
static bool
stream_id_parse_number(const uint8_t *p, size_t len, uint64_t *ret_value)
{
	uint64_t value = 0;

	for (; len > 0 && (*p == ' ' || (*p >= '\t' && *p <= '\r')); p++, len--)
		;
	if (len > 0 && *p == '+') {
		p++;
		len--;
	}
	if (len == 0)
		return false;
	for (size_t i = 0; i < len; i++) {
		unsigned int digit = (unsigned int)p[i] - '0';

		if (digit > 9 || __builtin_mul_overflow(value, 10, &value) ||
		    __builtin_add_overflow(value, digit, &value))
			return false;
	}
	*ret_value = value;
	return true;
}

bool
stream_id_parse(struct slice text, uint64_t missing_seq, struct stream_id *ret_id)
{
	const uint8_t *dash = text.len > 0 ? memchr(text.p, '-', text.len) : NULL;
	struct stream_id id = { .seq = missing_seq };
	size_t len = dash ? (size_t)(dash - text.p) : text.len;

	if (text.len > ID_TEXT_MAX || !stream_id_parse_number(text.p, len, &id.ms) ||
	    (dash && !stream_id_parse_number(dash + 1, text.len - len - 1, &id.seq)))
		return false;
	*ret_id = id;
	return true;
}

const char *
stream_id_parse_bound(struct slice text, bool is_end, struct stream_id *ret_id)
{
	bool is_excluded = text.len > 1 && text.p[0] == '(';
	struct stream_id id;

	if (text.len == 1 && (text.p[0] == '-' || text.p[0] == '+')) {
		*ret_id = text.p[0] == '-' ? STREAM_ID_MIN : STREAM_ID_MAX;
		return NULL;
	}
	if (is_excluded)
		text = (struct slice){ text.p + 1, text.len - 1 };
	if (!stream_id_parse(text, is_end ? UINT64_MAX : 0, &id))
		return ID_INVALID;
	if (is_excluded && is_end && !stream_id_prev(&id))
		return "ERR invalid end ID for the interval";
	if (is_excluded && !is_end && !stream_id_next(&id))
		return "ERR invalid start ID for the interval";
	*ret_id = id;
	return NULL;
}
