/* What to do when the socket cannot be connected to. */
#pragma once

#include <stddef.h>

struct addr;

/* Writes "; is it running? ..." or the like, or nothing; always NUL-terminated. error: of connect(2). */
void advice_format(const struct addr *addr, int error, char *text, size_t size);
