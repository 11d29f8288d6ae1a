#include "json.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "memory.h"

json_t *
json_new(void)
{
	json_t *object = json_object();

	memory_check(object ? 0 : -1);
	return object;
}

bool
json_is_text(struct slice text)
{
	json_t *value = json_stringn(text.len > 0 ? (const char *)text.p : "", text.len);

	json_decref(value);
	return value != NULL;
}

static void
put(json_t *object, const char *key, json_t *value)
{
	memory_check(value ? json_object_set_new(object, key, value) : -1);
}

/* RFC 4648, section 4. The caller frees it. */
static char *
encode_base64(struct slice data)
{
	static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
	char *text = memory_alloc_raw((data.len + 2) / 3 * 4 + 1), *p = text;

	for (size_t i = 0; i < data.len; i += 3) {
		size_t left = data.len - i;
		uint32_t bits = (uint32_t)data.p[i] << 16 | (uint32_t)(left > 1 ? data.p[i + 1] : 0) << 8 |
		                (uint32_t)(left > 2 ? data.p[i + 2] : 0);

		*p++ = digits[bits >> 18];
		*p++ = digits[bits >> 12 & 63];
		*p++ = left > 1 ? digits[bits >> 6 & 63] : '=';
		*p++ = left > 2 ? digits[bits & 63] : '=';
	}
	*p = '\0';
	return text;
}

void
json_put_text(json_t *object, const char *key, struct slice text)
{
	json_t *value = json_stringn(text.len > 0 ? (const char *)text.p : "", text.len); /* NULL if it is no UTF-8 */
	char other[64], *encoded;

	if (value) {
		put(object, key, value);
		return;
	}
	encoded = encode_base64(text);
	snprintf(other, sizeof(other), "%s_base64", key);
	put(object, other, json_string(encoded));
	free(encoded);
}

void
json_put_string(json_t *object, const char *key, const char *text)
{
	json_put_text(object, key, (struct slice){ (const uint8_t *)text, strlen(text) });
}

void
json_put_integer(json_t *object, const char *key, long long value)
{
	put(object, key, json_integer(value));
}

void
json_put_object(json_t *object, const char *key, json_t *value)
{
	put(object, key, value);
}

void
json_put_real(json_t *object, const char *key, double value)
{
	put(object, key, json_real(value));
}

void
json_print(json_t *object)
{
	json_dumpf(object, stdout, JSON_COMPACT | JSON_REAL_PRECISION(16));
	putchar('\n');
	json_decref(object);
}
