/* Memory for udsctl, which aborts when there is none: it does one job, so nothing else would be lost. */
#pragma once

#include <stddef.h>

/* Zeroed. Never NULL. */
void *memory_alloc(size_t size);

/* As realloc(3), with size at least 1: p may be NULL, what is new is not zeroed. Never NULL. */
void *memory_resize(void *p, size_t size);

/* Aborts where r, the result of a call that needs memory, is negative. */
void memory_check(int r);
