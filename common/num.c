#include "num.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>

/* Reads leading digits in the given base; fails where there is none. */
static int
num_parse_digits(const char **text, unsigned int base, uint64_t *ret_value)
{
	const char *p = *text;
	uint64_t v = 0;

	if (*p < '0' || *p >= '0' + (char)base)
		return -EINVAL;
	for (; *p >= '0' && *p < '0' + (char)base; p++)
		if (__builtin_mul_overflow(v, (uint64_t)base, &v) ||
		    __builtin_add_overflow(v, (uint64_t)(*p - '0'), &v))
			return -ERANGE;
	*text = p;
	*ret_value = v;
	return 0;
}

uint64_t
num_leading_u64(const uint8_t *p, size_t len)
{
	uint64_t n = 0;

	for (const uint8_t *end = p + len; p < end && *p >= '0' && *p <= '9'; p++)
		n = 10 * n + (uint64_t)(*p - '0');
	return n;
}

int
num_parse_u64(const char *text, uint64_t *ret_value)
{
	uint64_t v;
	int r = num_parse_digits(&text, 10, &v);

	if (r < 0)
		return r;
	if (*text)
		return -EINVAL;
	*ret_value = v;
	return 0;
}

int
num_parse_size(const char *text, uint64_t *ret_value)
{
	static const char units[] = "KMG";
	const char *unit;
	uint64_t v;
	int r = num_parse_digits(&text, 10, &v);

	if (r < 0)
		return r;
	if (*text) {
		unit = strchr(units, *text);
		if (!unit || text[1])
			return -EINVAL;
		if (__builtin_mul_overflow(v, UINT64_C(1) << (10 * (unit - units + 1)), &v))
			return -ERANGE;
	}
	*ret_value = v;
	return 0;
}

int
num_parse_duration(const char *text, uint64_t *ret_value)
{
	static const struct {
		const char *name;
		uint64_t ms;
	} units[] = { { "ms", 1 }, { "s", 1000 }, { "m", 60 * 1000 }, { "h", 3600 * 1000 }, { "d", 24 * 3600 * 1000 } };
	size_t n = sizeof(units) / sizeof(units[0]), unit, len;
	uint64_t sum = 0, v;
	int r;

	/* Parts, each of a smaller unit than the one before. */
	do {
		r = num_parse_digits(&text, 10, &v);
		if (r < 0)
			return r;
		if (!*text && v == 0 && n == sizeof(units) / sizeof(units[0])) /* a 0 needs no unit */
			break;
		len = strcspn(text, "0123456789");
		for (unit = 0; unit < n; unit++)
			if (strlen(units[unit].name) == len && memcmp(text, units[unit].name, len) == 0)
				break;
		if (unit == n)
			return -EINVAL;
		if (__builtin_mul_overflow(v, units[unit].ms, &v) || __builtin_add_overflow(sum, v, &sum))
			return -ERANGE;
		text += len;
		n = unit;
	} while (*text);
	*ret_value = sum;
	return 0;
}

int
num_parse_rate(const char *text, uint64_t *ret_count, uint64_t *ret_period)
{
	uint64_t count;
	int r = num_parse_digits(&text, 10, &count);

	if (r < 0)
		return r;
	if (count == 0 || (*text && strcmp(text, "/s") != 0 && strcmp(text, "/m") != 0))
		return -EINVAL;
	*ret_count = count;
	*ret_period = strcmp(text, "/m") == 0 ? 60 * 1000 : 1000;
	return 0;
}

int
num_parse_mode(const char *text, unsigned int *ret_value)
{
	uint64_t v;
	int r = num_parse_digits(&text, 8, &v);

	if (r < 0)
		return r;
	if (*text)
		return -EINVAL;
	if (v > 07777)
		return -ERANGE;
	*ret_value = (unsigned int)v;
	return 0;
}

int
num_parse_resp(const uint8_t *p, size_t len, int64_t *ret_value)
{
	bool negative = len > 0 && p[0] == '-';
	uint64_t v = 0;

	if (negative)
		p++, len--;
	if (len == 0 || len > 19 || (p[0] == '0' && (len > 1 || negative)))
		return -EINVAL;
	for (size_t i = 0; i < len; i++) {
		if (p[i] < '0' || p[i] > '9')
			return -EINVAL;
		v = v * 10 + (uint64_t)(p[i] - '0'); /* 19 digits fit an unsigned 64-bit number */
	}
	if (v > (uint64_t)INT64_MAX + negative)
		return -ERANGE;
	*ret_value = negative ? (int64_t)-v : (int64_t)v;
	return 0;
}

size_t
num_put_u64(char *p, uint64_t value)
{
	static const char pairs[] = "00010203040506070809101112131415161718192021222324252627282930313233343536373839"
				    "40414243444546474849505152535455565758596061626364656667686970717273747576777879"
				    "8081828384858687888990919293949596979899";
	size_t n = 1, at;

	for (uint64_t power = 10; n < NUM_DIGITS_MAX && value >= power; power *= 10)
		n++;
	for (at = n; value >= 100; value /= 100)
		memcpy(&p[at -= 2], &pairs[2 * (value % 100)], 2);
	if (value >= 10)
		memcpy(p, &pairs[2 * value], 2);
	else
		*p = (char)('0' + value);
	return n;
}
