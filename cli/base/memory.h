/* Memory for udsctl, which aborts when there is none: it does one job, so nothing else would be lost. */
#pragma once

#include <stddef.h>

/* Zeroed. Never NULL. */
void *memory_alloc(size_t size);

/* Not zeroed. Never NULL. */
void *memory_alloc_raw(size_t size);

/* Aborts where r, the result of a call that needs memory, is negative. */
void memory_check(int r);
