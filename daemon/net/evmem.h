/*
 * Memory for libevent. It keeps a few bytes for every descriptor that was ever in use, and never frees them: they
 * stand in an area of their own, since on the heap, among what comes and goes with clients, each would keep a page.
 */
#pragma once

/* For the whole process; before anything else of libevent is called. */
void evmem_init(void);
