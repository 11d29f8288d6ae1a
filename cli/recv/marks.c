#include "marks.h"

#include <stdlib.h>
#include <string.h>

#include "memory.h"

void
marks_init(struct marks *m, uint64_t room)
{
	*m = (struct marks){ .room = room };
}

void
marks_deinit(struct marks *m)
{
	free(m->items);
}

void
marks_add(struct marks *m, uint64_t end, struct mark mark)
{
	struct marks_item *last = m->n > m->first ? &m->items[m->n - 1] : NULL;
	uint64_t begin = m->end;

	m->end = end;
	if (last && last->mark.stream.p == mark.stream.p && end - last->begin <= m->room) {
		last->mark = mark;
		last->end = end;
		return;
	}
	if (m->n == m->cap && m->first > m->n / 2) {
		m->n -= m->first;
		memmove(m->items, m->items + m->first, m->n * sizeof(m->items[0]));
		m->first = 0;
	}
	if (m->n == m->cap) {
		m->cap = 2 * m->cap + 64;
		m->items = memory_resize(m->items, m->cap * sizeof(m->items[0]));
	}
	m->items[m->n++] = (struct marks_item){ mark, begin, end };
}

bool
marks_pop(struct marks *m, uint64_t handled, struct mark *ret_mark)
{
	if (m->first == m->n || m->items[m->first].end > handled)
		return false;
	*ret_mark = m->items[m->first++].mark;
	if (m->first == m->n)
		m->first = m->n = 0;
	return true;
}
