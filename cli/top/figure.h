/* Figures and names as they stand in few columns of a terminal. Every text written is NUL-terminated. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "protocol.h"

struct buf;

/* Room for any of the figures. */
#define FIGURE_MAX 32

/* A count or a rate in at most five columns: "0", "0.4", "950", "1.2k", "13k", "4.5M". */
void figure_count(char *out, size_t size, double value);

/* Appends a bar of `columns` columns, filled to the share (0 to 1), by eighths in Unicode and else by '#'. */
void figure_bar(struct buf *out, double share, size_t columns, bool unicode);

/*
 * Appends the text in exactly `columns` columns: cut off with a mark, or filled up with blanks on its right, or
 * on its left. What is not printable in the locale is shown as '?'. `unicode` says that this is UTF-8.
 */
void figure_fit(struct buf *out, struct slice text, size_t columns, bool to_the_right, bool unicode);

/* How many columns the text takes. */
size_t figure_width(const char *text);
