#include "entry-id.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "num.h"

static bool
entry_id_parse_number(const uint8_t *p, size_t len, uint64_t *ret_value)
{
	char text[NUM_DIGITS_MAX + 1] = "";

	if (len == 0 || len > NUM_DIGITS_MAX)
		return false;
	memcpy(text, p, len);
	return num_parse_u64(text, ret_value) == 0;
}

bool
entry_id_parse(struct slice text, uint64_t seq, struct entry_id *ret_id)
{
	const uint8_t *dash = text.len > 0 ? memchr(text.p, '-', text.len) : NULL;
	size_t ms_len = dash ? (size_t)(dash - text.p) : text.len;
	struct entry_id id = { 0, seq };

	if (!entry_id_parse_number(text.p, ms_len, &id.ms) ||
	    (dash && !entry_id_parse_number(dash + 1, text.len - ms_len - 1, &id.seq)))
		return false;
	*ret_id = id;
	return true;
}

size_t
entry_id_format(char text[ENTRY_ID_TEXT], struct entry_id id)
{
	return (size_t)snprintf(text, ENTRY_ID_TEXT, "%" PRIu64 "-%" PRIu64, id.ms, id.seq);
}

int
entry_id_compare(struct entry_id a, struct entry_id b)
{
	if (a.ms != b.ms)
		return a.ms < b.ms ? -1 : 1;
	return (a.seq > b.seq) - (a.seq < b.seq);
}

struct entry_id
entry_id_before(struct entry_id id)
{
	if (id.seq > 0)
		return (struct entry_id){ id.ms, id.seq - 1 };
	return id.ms > 0 ? (struct entry_id){ id.ms - 1, UINT64_MAX } : id;
}

struct entry_id
entry_id_behind(struct entry_id id)
{
	if (id.seq < UINT64_MAX)
		return (struct entry_id){ id.ms, id.seq + 1 };
	return id.ms < UINT64_MAX ? (struct entry_id){ id.ms + 1, 0 } : id;
}
