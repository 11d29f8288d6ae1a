#include "printable.h"

#include <locale.h>
#include <string.h>
#include <wchar.h>

size_t
printable_next(const uint8_t *p, size_t len, enum printable_kind *ret_kind)
{
	size_t size = p[0] < 0x80 ? 1 : p[0] < 0xc2 ? 0 : p[0] < 0xe0 ? 2 : p[0] < 0xf0 ? 3 : p[0] < 0xf5 ? 4 : 0;
	size_t valid = size > 0;

	while (valid > 0 && valid < size && valid < len && (p[valid] & 0xc0) == 0x80)
		valid++;
	/* Also overlong forms, surrogates and values beyond U+10FFFF (RFC 3629, section 4). */
	if (size == 0 || valid < size || (p[0] == 0xe0 && p[1] < 0xa0) || (p[0] == 0xed && p[1] > 0x9f) ||
	    (p[0] == 0xf0 && p[1] < 0x90) || (p[0] == 0xf4 && p[1] > 0x8f)) {
		*ret_kind = PRINTABLE_INVALID;
		return 1;
	}
	*ret_kind = p[0] < 0x20 || p[0] == 0x7f || (p[0] == 0xc2 && p[1] < 0xa0) ? PRINTABLE_CONTROL : PRINTABLE_TEXT;
	return size;
}

size_t
printable_clean(char *text, size_t len, const char *keep)
{
	enum printable_kind kind;
	size_t to = 0, size;

	for (size_t at = 0; at < len; at += size) {
		const char *p = text + at;

		size = printable_next((const uint8_t *)p, len - at, &kind);
		if ((kind == PRINTABLE_CONTROL && !(keep && *p && strchr(keep, *p))) ||
		    (kind == PRINTABLE_INVALID && (uint8_t)*p < 0xa0)) {
			text[to++] = '?';
			continue;
		}
		memmove(text + to, p, size);
		to += size;
	}
	return to;
}

/* Does not depend on the locale of the process: names are UTF-8 also where the locale is "C", as in services. */
int
printable_width(const uint8_t *p, size_t size)
{
	static const uint8_t first_bits[] = { 0, 0x7f, 0x1f, 0x0f, 0x07 };
	static locale_t utf8;
	wchar_t c = p[0] & first_bits[size];
	locale_t before;
	int width;

	if (size == 1)
		return 1;
	for (size_t i = 1; i < size; i++)
		c = c << 6 | (p[i] & 0x3f);
	if (!utf8)
		utf8 = newlocale(LC_CTYPE_MASK, "C.UTF-8", NULL);
	if (!utf8)
		return 1;
	before = uselocale(utf8);
	width = wcwidth(c);
	uselocale(before);
	return width;
}
