/*
 * Text that a peer chose, made safe for terminals and logs: the control characters C0 (below U+0020), DEL and C1
 * (U+0080 to U+009F) could end a line or command the terminal. Texts are UTF-8, but need not be valid.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

enum printable_kind {
	PRINTABLE_TEXT,    /* a character, in valid UTF-8 */
	PRINTABLE_CONTROL, /* a control character */
	PRINTABLE_INVALID, /* a byte that belongs to no valid character */
};

/* Finds what the text, of at least one byte, begins with. Returns its size in bytes, 1 to 4. */
size_t printable_next(const uint8_t *p, size_t len, enum printable_kind *ret_kind);

/*
 * Replaces each control character by one "?", but not those in `keep`; NULL keeps none. Invalid bytes stay, except 0x80
 * to 0x9f, which are control characters to terminals of one byte a character. Returns the new length, at most len.
 */
size_t printable_clean(char *text, size_t len, const char *keep);

/* Columns that a PRINTABLE_TEXT of `size` bytes takes on a terminal: 0, 1 or 2; negative if it cannot be shown. */
int printable_width(const uint8_t *p, size_t size);
