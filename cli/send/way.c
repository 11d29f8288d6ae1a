#include "way.h"

#include <string.h>
#include <time.h>

#include "memory.h"

/* In the machine's byte order, as all of a spool. Behind it: the key, the fields. */
struct way_head {
	uint64_t due_ms, origin;
	uint32_t kind, key_len, n_fields, fields_len;
};

void
way_put(const struct way *way, struct buf *b)
{
	struct way_head head = { way->due_ms,         way->origin,
		                 (uint32_t)way->kind, (uint32_t)way->key.len,
		                 way->n_fields,       (uint32_t)way->fields.len };

	if (way->kind == WAY_PUBLISH)
		return;
	memory_check(buf_append(b, &head, sizeof(head)));
	memory_check(buf_append(b, way->key.p, way->key.len));
	memory_check(buf_append(b, way->fields.p, way->fields.len));
}

bool
way_get(struct slice bytes, struct way *ret_way)
{
	struct way_head head;

	*ret_way = (struct way){ 0 };
	if (bytes.len == 0)
		return true;
	if (bytes.len < sizeof(head))
		return false;
	memcpy(&head, bytes.p, sizeof(head));
	if ((head.kind != WAY_STORE && head.kind != WAY_LATER) ||
	    bytes.len != sizeof(head) + (uint64_t)head.key_len + head.fields_len)
		return false;
	*ret_way = (struct way){ .kind = head.kind,
		                 .due_ms = head.due_ms,
		                 .origin = head.origin,
		                 .key = { bytes.p + sizeof(head), head.key_len },
		                 .fields = { bytes.p + sizeof(head) + head.key_len, head.fields_len },
		                 .n_fields = head.n_fields };
	return true;
}

bool
way_set_due(struct way *way, uint64_t delay_ms)
{
	uint64_t due_ms = way->due_ms;
	struct timespec now;

	if (delay_ms == 0)
		return false;
	clock_gettime(CLOCK_REALTIME, &now);
	way->due_ms = (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000 + delay_ms;
	return way->due_ms != due_ms;
}
