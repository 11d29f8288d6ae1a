#include "memory.h"

#include <stdio.h>
#include <stdlib.h>

void
memory_check(int r)
{
	if (r >= 0)
		return;
	fputs("udsctl: out of memory\n", stderr);
	abort();
}

void *
memory_alloc(size_t size)
{
	void *p = calloc(1, size);

	memory_check(p ? 0 : -1);
	return p;
}

void *
memory_resize(void *p, size_t size)
{
	p = realloc(p, size);
	memory_check(p ? 0 : -1);
	return p;
}
