#include "record.h"

#include <stdio.h>
#include <string.h>

#include "base64.h"
#include "buf.h"
#include "cleanup.h"
#include "memory.h"
#include "print.h"
#include "say.h"

#define KEY_MAX ((size_t)64)

bool
record_is_possible(const char *what)
{
#ifdef JANSSON_IS_MISSING
	say("%s: this udsctl was built without JSON", what);
	return false;
#else
	(void)what;
	return true;
#endif
}

json_t *
record_new(void)
{
	json_t *record = json_object();

	memory_check(record ? 0 : -1);
	return record;
}

void
record_set(json_t *record, const char *key, json_t *value)
{
	memory_check(value ? json_object_set_new_nocheck(record, key, value) : -1);
}

void
record_set_bytes(json_t *record, const char *key, struct slice bytes)
{
	json_t *text = json_stringn(bytes.len > 0 ? (const char *)bytes.p : "", bytes.len); /* NULL: not UTF-8 */
	_cleanup_free_ char *letters = NULL;
	char base64_key[KEY_MAX];
	size_t len;

	if (text) {
		record_set(record, key, text);
		return;
	}
	letters = memory_resize(NULL, base64_size(bytes.len));
	len = base64_put(letters, bytes.p, bytes.len);
	snprintf(base64_key, sizeof(base64_key), "%s_base64", key);
	record_set(record, base64_key, json_stringn_nocheck(letters, len));
}

void
record_set_real(json_t *record, const char *key, double value, int decimals)
{
	double scale = 1;

	while (decimals-- > 0)
		scale *= 10;
	record_set(record, key, json_real((double)(int64_t)(value * scale + 0.5) / scale));
}

void
record_set_string(json_t *record, const char *key, const char *text)
{
	record_set_bytes(record, key, slice_of(text));
}

/*
 * Jansson escapes only the control characters that JSON forbids, those of C0. The others, DEL and C1, would command a
 * terminal; they stand in strings only, which Jansson hands over without splitting a character.
 */
static int
record_append(const char *text, size_t size, void *arg)
{
	const uint8_t *p = (const uint8_t *)text, *end = p + size, *q;
	int r = 0;

	for (q = p; r == 0 && q < end; q++) {
		bool is_c1 = *q == 0xc2 && q + 1 < end && q[1] < 0xa0;

		if (!is_c1 && *q != 0x7f)
			continue;
		r = buf_append(arg, p, (size_t)(q - p));
		q += is_c1;
		if (r == 0)
			r = buf_printf(arg, "\\u%04X", *q);
		p = q + 1;
	}
	return r == 0 ? buf_append(arg, p, (size_t)(end - p)) : r;
}

void
record_print(const json_t *value, struct buf *b)
{
	memory_check(
	    json_dump_callback(value, record_append, b, JSON_COMPACT | JSON_ENCODE_ANY | JSON_REAL_PRECISION(16)));
}

void
record_write(json_t *record)
{
	record_print(record, print_text());
	print_bytes("\n", 1);
	json_decref(record);
}
