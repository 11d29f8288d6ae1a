/*
 * Memory for libevent. For every descriptor that was ever in use, libevent allocates a few bytes that it never frees.
 * These get an area of their own: on the heap, each would keep a page that was otherwise free when clients leave.
 */
#pragma once

/* Replaces libevent's allocator for the whole process. Call before any other function of libevent. */
void evmem_init(void);
