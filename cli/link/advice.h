/* Tells people why the socket cannot be connected to, and what to do about it. */
#pragma once

#include <stddef.h>

struct addr;
struct slice;

/* error: the errno of connect(2). Writes text to append to its message, like "; is it running?", or "". */
void advice_format(const struct addr *addr, int error, char *text, size_t size);

/* What helps against an error of the daemon about streams: "; ..." or "". */
const char *advice_for_error(const struct slice *text);
