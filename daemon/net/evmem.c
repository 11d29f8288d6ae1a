#include "evmem.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include <event2/event.h>

/* Bytes that libevent keeps for a descriptor (struct evmap_io of libevent 2.1). */
#define PIECE ((size_t)16)
/* A piece for each of 1M descriptors. Only pages that were used take memory. Further pieces come from the heap. */
#define AREA_SIZE ((size_t)1024 * 1024 * PIECE)

union piece {
	union piece *next_free;
	uint8_t bytes[PIECE];
};

/* libevent's functions take no argument of ours. */
static struct {
	union piece *begin, *end, *at, *free;
} area;

static bool
evmem_is_ours(const void *p)
{
	return area.begin && (const union piece *)p >= area.begin && (const union piece *)p < area.end;
}

static void *
evmem_allocate(size_t size)
{
	union piece *piece = area.free;

	if (size > PIECE || (!piece && area.at == area.end))
		return malloc(size);
	if (piece)
		area.free = piece->next_free;
	else
		piece = area.at++;
	return piece;
}

static void
evmem_release(void *p)
{
	union piece *piece = p;

	if (!evmem_is_ours(p)) {
		free(p);
		return;
	}
	piece->next_free = area.free;
	area.free = piece;
}

static void *
evmem_resize(void *p, size_t size)
{
	void *moved;

	if (!p)
		return evmem_allocate(size);
	if (!evmem_is_ours(p))
		return realloc(p, size);
	if (size <= PIECE)
		return p;
	moved = malloc(size);
	if (!moved)
		return NULL;
	memcpy(moved, p, PIECE);
	evmem_release(p);
	return moved;
}

void
evmem_init(void)
{
	void *begin;

	if (area.begin)
		return;
	begin = mmap(NULL, AREA_SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (begin == MAP_FAILED)
		return; /* everything comes from the heap then */
	area.begin = area.at = begin;
	area.end = area.begin + AREA_SIZE / PIECE;
	event_set_mem_functions(evmem_allocate, evmem_resize, evmem_release);
}
