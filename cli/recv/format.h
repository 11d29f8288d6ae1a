/*
 * What a message is printed as, from a text like printf(3)'s: "%c: %p\n". A text is parsed once, into
 * pieces; printing follows them.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

struct buf;
struct format;
struct message;

/* Of errors; the longest, which lists what there is, fits. */
#define FORMAT_ERROR_MAX ((size_t)512)

/*
 * Returns 0 or -EINVAL; then *ret_format is untouched, and error has what is wrong with the text.
 */
int format_parse(const char *text, char error[FORMAT_ERROR_MAX], struct format **ret_format);
void format_free(struct format *f);

/* Appends the message. */
void format_put(const struct format *f, const struct message *m, struct buf *b);

/* Whether nothing is to stand behind it: the text ended with \c. */
bool format_is_bare(const struct format *f);
