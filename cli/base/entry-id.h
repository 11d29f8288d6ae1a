/* The ID of an entry of a stream: milliseconds and a number, "1795269823250-0". IDs grow within a stream. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "protocol.h"

struct entry_id {
	uint64_t ms, seq;
};

#define ENTRY_ID_MIN ((struct entry_id){ 0, 0 })
#define ENTRY_ID_MAX ((struct entry_id){ UINT64_MAX, UINT64_MAX })

/* Room for an ID as text, with its NUL. */
#define ENTRY_ID_TEXT ((size_t)48)

/* "MS-SEQ", or "MS" alone, which has the given number. Returns whether the text is such an ID. */
bool entry_id_parse(struct slice text, uint64_t seq, struct entry_id *ret_id);

/* Writes the text with a NUL; returns its length. */
size_t entry_id_format(char text[ENTRY_ID_TEXT], struct entry_id id);

/* As memcmp(). */
int entry_id_compare(struct entry_id a, struct entry_id b);

/* The ID right before, or right behind, this one; the least and the greatest stay. */
struct entry_id entry_id_before(struct entry_id id);
struct entry_id entry_id_behind(struct entry_id id);
