#include "figure.h"

#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "buf.h"
#include "memory.h"
#include "printable.h"

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
figure_put_text(struct buf *out, struct slice text, size_t columns, bool unicode, size_t *ret_columns)
{
	size_t at = 0, used = 0, size;

	for (; at < text.len; at += size) {
		const uint8_t *p = text.p + at;
		enum printable_kind kind;
		int width;

		size = printable_next(p, text.len - at, &kind);
		width = kind == PRINTABLE_TEXT && (size == 1 || unicode) ? printable_width(p, size) : 0;
		if (used + (width > 0 ? (size_t)width : 1) > columns)
			break;
		if (out)
			memory_check(width > 0 ? buf_append(out, p, size) : buf_append(out, "?", 1));
		used += width > 0 ? (size_t)width : 1;
	}
	*ret_columns = used;
	return at;
}

void
figure_fit(struct buf *out, struct slice text, size_t columns, bool on_the_right, bool unicode)
{
	size_t width, blanks;
	bool is_cut = figure_put_text(NULL, text, columns, unicode, &width) < text.len && columns > 0;

	if (is_cut)
		text.len = figure_put_text(NULL, text, columns - 1, unicode, &width);
	blanks = columns - width - is_cut;
	if (on_the_right)
		figure_put_blanks(out, blanks);
	figure_put_text(out, text, columns, unicode, &width);
	if (is_cut)
		memory_check(buf_printf(out, "%s", unicode ? "…" : "~"));
	if (!on_the_right)
		figure_put_blanks(out, blanks);
}

size_t
figure_width(const char *text, bool unicode)
{
	size_t width;

	figure_put_text(NULL, slice_of(text), SIZE_MAX, unicode, &width);
	return width;
}
