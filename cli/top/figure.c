#include "figure.h"

#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <wchar.h>
#include <wctype.h>

#include "buf.h"
#include "memory.h"

struct human_text
figure_count(double value)
{
	static const char units[] = "kMGTPE";
	struct human_text t;
	size_t i = 0;

	if (value < 999.5) {
		double fraction = value - (double)(uint64_t)value;

		snprintf(t.text, sizeof(t.text), fraction < 0.05 || value >= 99.5 ? "%.0f" : "%.1f", value);
		return t;
	}
	for (value /= 1000; value >= 999.5 && units[i + 1]; i++)
		value /= 1000;
	snprintf(t.text, sizeof(t.text), value < 9.95 ? "%.1f%c" : "%.0f%c", value, units[i]);
	return t;
}

static void
figure_put_blanks(struct buf *out, size_t n)
{
	memory_check(buf_printf(out, "%*s", (int)n, ""));
}

void
figure_bar(struct buf *out, double share, size_t columns, bool unicode)
{
	static const char *const eighths[] = { "", "▏", "▎", "▍", "▌", "▋", "▊", "▉" };
	size_t filled;

	share = share < 0 ? 0 : share > 1 ? 1 : share;
	filled = (size_t)(share * (double)columns * 8 + 0.5);
	if (filled == 0 && share > 0) /* what is not nothing shows */
		filled = 1;
	if (!unicode)
		filled = (filled + 7) / 8 * 8;
	for (size_t i = 0; i < filled / 8; i++)
		memory_check(buf_printf(out, "%s", unicode ? "█" : "#"));
	memory_check(buf_printf(out, "%s", eighths[filled % 8]));
	figure_put_blanks(out, columns - (filled + 7) / 8);
}

/*
 * Finds how many of the text's characters fit the columns, and appends them if there is an `out`. Returns their
 * bytes in the text; *ret_columns: the columns that they take.
 */
static size_t
figure_put_text(struct buf *out, struct slice text, size_t columns, size_t *ret_columns)
{
	size_t at = 0, used = 0;

	while (at < text.len) {
		const char *shown = "?", *p = (const char *)text.p + at;
		size_t width = 1, len = 1, shown_len = 1, n;
		mbstate_t state = { 0 };
		wchar_t c;

		n = mbrtowc(&c, p, text.len - at, &state);
		if (n > 0 && n <= text.len - at) { /* else it is no character, or a NUL */
			len = n;
			if (iswprint((wint_t)c) && wcwidth(c) > 0) {
				width = (size_t)wcwidth(c);
				shown = p;
				shown_len = n;
			}
		}
		if (used + width > columns)
			break;
		if (out)
			memory_check(buf_append(out, shown, shown_len));
		used += width;
		at += len;
	}
	*ret_columns = used;
	return at;
}

void
figure_fit(struct buf *out, struct slice text, size_t columns, bool on_the_right, bool unicode)
{
	size_t width, blanks;
	bool is_cut = figure_put_text(NULL, text, columns, &width) < text.len && columns > 0;

	if (is_cut)
		text.len = figure_put_text(NULL, text, columns - 1, &width);
	blanks = columns - width - is_cut;
	if (on_the_right)
		figure_put_blanks(out, blanks);
	figure_put_text(out, text, columns, &width);
	if (is_cut)
		memory_check(buf_printf(out, "%s", unicode ? "…" : "~"));
	if (!on_the_right)
		figure_put_blanks(out, blanks);
}

size_t
figure_width(const char *text)
{
	size_t width;

	figure_put_text(NULL, (struct slice){ (const uint8_t *)text, strlen(text) }, SIZE_MAX, &width);
	return width;
}
