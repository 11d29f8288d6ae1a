/* The text of recv --format, "%c: %p\n": parsed once into pieces, then applied to each message. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

struct buf;
struct format;
struct message;

/* Room for an error; the longest lists all directives. */
#define FORMAT_ERROR_MAX ((size_t)512)

/* Returns 0 or -EINVAL; then `error` says what is wrong with the text, and *ret_format is untouched. */
int format_parse(const char *text, char error[FORMAT_ERROR_MAX], struct format **ret_format);
void format_free(struct format *f);

/* Appends the message in this format. clean: what the peers chose in it, as in message_put_text(). */
void format_put(const struct format *f, const struct message *m, bool clean, struct buf *b);

/* Whether the text ends with \c: no newline or NUL is to follow a message. */
bool format_is_bare(const struct format *f);
