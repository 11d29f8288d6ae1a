/* Bars and names in a fixed number of columns of a terminal. `unicode`: the terminal shows UTF-8. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "protocol.h"

struct buf;

/* Appends a bar of `columns` columns, filled to the share (0 to 1), by eighths in Unicode, else with '#'. */
void figure_bar(struct buf *out, double share, size_t columns, bool unicode);

/*
 * Appends the text in exactly `columns` columns: cut off with a mark, or padded with blanks on its right, or on its
 * left if it is to be on the right. What cannot be shown is '?': control
 * characters, invalid bytes, characters without a width, and without Unicode all beyond ASCII.
 */
void figure_fit(struct buf *out, struct slice text, size_t columns, bool on_the_right, bool unicode);

/* The columns that the text takes. */
size_t figure_width(const char *text, bool unicode);
