#include "entries.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* An entry is: array, length, id, array, length, name, length, value. */
#define ENTRY_LINES 8
#define ENTRY_ID 2

/* A whole line. Returns the entries that it completes. */
static int
entries_take_line(struct entries *e)
{
	uint64_t line = e->line++, part;

	e->text[e->len < sizeof(e->text) ? e->len : sizeof(e->text) - 1] = '\0';
	if (line < e->head) {
		if (e->text[0] != '*' && e->text[0] != '$' && line != 3)
			return -1;
		e->due = strtoull(e->text + 1, NULL, 10);
		return 0;
	}
	part = (line - e->head) % ENTRY_LINES;
	if (part == ENTRY_ID)
		snprintf(e->last, sizeof(e->last), "%.*s", (int)strcspn(e->text, "\r"), e->text);
	if ((part == 0 || part == ENTRY_ID + 1) && e->text[0] != '*')
		return -1;
	return part == ENTRY_LINES - 1;
}

int64_t
entries_take(struct entries *e, const char *data, size_t len, bool *ret_is_whole)
{
	const char *end = data + len, *feed;
	int64_t count = 0;

	*ret_is_whole = false;
	for (; data < end; data = feed + 1) {
		size_t room = sizeof(e->text) - e->len, n;
		int r;

		feed = memchr(data, '\n', (size_t)(end - data));
		n = (size_t)((feed ? feed : end) - data);
		memcpy(e->text + e->len, data, n < room ? n : room);
		e->len += n < room ? n : room;
		if (!feed)
			break;
		if (*ret_is_whole || (r = entries_take_line(e)) < 0)
			return -1;
		count += r;
		e->got += (uint64_t)r;
		e->len = 0;
		if (e->line >= e->head && e->got == e->due) {
			*ret_is_whole = true;
			e->line = e->got = 0;
		}
	}
	return count;
}
