#include "refusal.h"

#include <stdarg.h>
#include <stdio.h>

int
refusal_write(const struct refusal *refusal, int error, const char *format, ...)
{
	va_list ap;

	va_start(ap, format);
	vsnprintf(refusal->text, refusal->size, format, ap);
	va_end(ap);
	return error;
}
