/* Memory for the command line: a program for one job ends when there is none. */
#pragma once

#include <stddef.h>

/* Zeroed. Never NULL. */
void *memory_alloc(size_t size);

/* Not zeroed. Never NULL. */
void *memory_alloc_raw(size_t size);

/* Ends the program where r, the result of a buf_*() call, says that there is no memory. */
void memory_check(int r);
