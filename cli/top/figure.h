/* Figures, bars and names in a fixed number of columns of a terminal. `unicode`: the terminal shows UTF-8. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "human.h"
#include "protocol.h"

struct buf;

/* A count or a rate in at most five columns: "0", "0.4", "950", "1.2k", "13k", "4.5M". */
struct human_text figure_count(double value);

/* Appends a bar of `columns` columns, filled to the share (0 to 1), by eighths in Unicode, else with '#'. */
void figure_bar(struct buf *out, double share, size_t columns, bool unicode);

/*
 * Appends the text in exactly `columns` columns: cut off with a mark, or padded with blanks on its right, or on its
 * left if it is to be on the right. What the locale cannot print is shown as '?'.
 */
void figure_fit(struct buf *out, struct slice text, size_t columns, bool on_the_right, bool unicode);

/* The columns that the text takes. */
size_t figure_width(const char *text);
