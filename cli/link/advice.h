/* Tells people why the socket cannot be connected to, and what to do about it. */
#pragma once

#include <stddef.h>

struct addr;

/* error: the errno of connect(2). Writes text to append to its message, like "; is it running?", or "". */
void advice_format(const struct addr *addr, int error, char *text, size_t size);
