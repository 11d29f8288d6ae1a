/*
 * An allocator that fails when a test wants it to. It stands in for malloc() and its like in all that is linked
 * into the program (failing_link_args in meson.build), not in shared libraries.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* From now on allocation number `first`, counted from 1, and those after it fail, n in all. Counts only while on. */
void failing_begin(uint64_t first, uint64_t n);

/* Only what is allocated while it is on is counted and fails. Begins switched off. */
void failing_set_on(bool on);

/* Nothing fails any more. Returns how many have failed. */
uint64_t failing_end(void);

/* Blocks that are allocated now. */
int64_t failing_blocks(void);

/* Lines of the log that were written at level error; none is written to stderr. */
uint64_t failing_errors(void);

/* Likewise for libevent's memory. */
void *failing_malloc(size_t size);
void *failing_realloc(void *p, size_t size);
void failing_free(void *p);
