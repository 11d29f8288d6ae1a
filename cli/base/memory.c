#include "memory.h"

#include <stdio.h>
#include <stdlib.h>

static _Noreturn void
memory_fail(void)
{
	fputs("udsctl: out of memory\n", stderr);
	abort();
}

void *
memory_alloc(size_t size)
{
	void *p = calloc(1, size);

	if (!p)
		memory_fail();
	return p;
}

void *
memory_alloc_raw(size_t size)
{
	void *p = malloc(size);

	if (!p)
		memory_fail();
	return p;
}

void
memory_check(int r)
{
	if (r < 0)
		memory_fail();
}
