#include "figure.h"

#include <stdio.h>
#include <string.h>
#include <wchar.h>
#include <wctype.h>

#include "buf.h"
#include "memory.h"

void
figure_count(char *out, size_t size, double value)
{
	static const char units[] = "kMGTPE";
	size_t i = 0;

	if (value < 999.5) {
		double fraction = value - (double)(uint64_t)value;

		snprintf(out, size, fraction < 0.05 || value >= 99.5 ? "%.0f" : "%.1f", value);
		return;
	}
	for (value /= 1000; value >= 999.5 && units[i + 1]; i++)
		value /= 1000;
	snprintf(out, size, value < 9.95 ? "%.1f%c" : "%.0f%c", value, units[i]);
}

static void
put_blanks(struct buf *out, size_t n)
{
	if (n == 0)
		return; /* there may be no buffer yet */
	memory_check(buf_reserve(out, n));
	memset(out->data + out->len, ' ', n);
	out->len += n;
}

void
figure_bar(struct buf *out, double share, size_t columns, bool unicode)
{
	static const char *const eighths[] = { "", "▏", "▎", "▍", "▌", "▋", "▊", "▉" };
	size_t steps = columns * 8, filled, full, rest;

	share = share < 0 ? 0 : share > 1 ? 1 : share;
	filled = (size_t)(share * (double)steps + 0.5);
	/* What is more than nothing shows. */
	if (filled == 0 && share > 0)
		filled = 1;
	if (!unicode)
		filled = (filled + 7) / 8 * 8;
	full = filled / 8;
	rest = filled % 8;
	for (size_t i = 0; i < full; i++)
		memory_check(buf_printf(out, "%s", unicode ? "█" : "#"));
	memory_check(buf_printf(out, "%s", eighths[rest]));
	put_blanks(out, columns - full - (rest > 0));
}

/* One character of a text: its bytes, and the columns it takes; what cannot be shown is one '?'. */
struct glyph {
	struct slice bytes;
	size_t columns;
	size_t used;
};

static struct glyph
next_glyph(struct slice text)
{
	static const uint8_t unknown[] = "?";
	struct glyph glyph = { { unknown, 1 }, 1, 1 };
	mbstate_t state = { 0 };
	wchar_t c;
	size_t n = mbrtowc(&c, (const char *)text.p, text.len, &state);
	int columns;

	if (n == 0 || n > text.len)
		return glyph;
	glyph.used = n;
	columns = iswprint((wint_t)c) ? wcwidth(c) : -1;
	if (columns > 0) {
		glyph.bytes = (struct slice){ text.p, n };
		glyph.columns = (size_t)columns;
	}
	return glyph;
}

/* The bytes of text that fit the columns; *ret_columns: how many these take. */
static size_t
measure(struct slice text, size_t columns, size_t *ret_columns)
{
	size_t at = 0, width = 0;

	while (at < text.len) {
		struct glyph glyph = next_glyph((struct slice){ text.p + at, text.len - at });

		if (width + glyph.columns > columns)
			break;
		width += glyph.columns;
		at += glyph.used;
	}
	*ret_columns = width;
	return at;
}

void
figure_fit(struct buf *out, struct slice text, size_t columns, bool to_the_right, bool unicode)
{
	size_t width, len = measure(text, columns, &width);
	bool is_cut = len < text.len && columns > 0;

	if (is_cut)
		len = measure(text, columns - 1, &width);
	if (to_the_right)
		put_blanks(out, columns - width - is_cut);
	for (size_t at = 0; at < len;) {
		struct glyph glyph = next_glyph((struct slice){ text.p + at, text.len - at });

		memory_check(buf_append(out, glyph.bytes.p, glyph.bytes.len));
		at += glyph.used;
	}
	if (is_cut)
		memory_check(buf_printf(out, "%s", unicode ? "…" : "~"));
	if (!to_the_right)
		put_blanks(out, columns - width - is_cut);
}

size_t
figure_width(const char *text)
{
	size_t width;

	measure((struct slice){ (const uint8_t *)text, strlen(text) }, SIZE_MAX, &width);
	return width;
}
