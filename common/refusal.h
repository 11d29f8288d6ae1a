/* Where a function that fails writes why, for people. */
#pragma once

#include <stddef.h>

struct refusal {
	char *text;
	size_t size;
};

/* Writes the text, cut to the size, and returns error. */
int refusal_write(const struct refusal *refusal, int error, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
