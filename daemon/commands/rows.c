#include "rows.h"

#include <ctype.h>
#include <string.h>
#include <strings.h>

#include "glob.h"

bool
rows_is_match(struct slice pattern, const char *name)
{
	uint8_t small[PROTOCOL_NAME_MAX];

	if (pattern.len > sizeof(small))
		return false;
	for (size_t i = 0; i < pattern.len; i++)
		small[i] = (uint8_t)tolower(pattern.p[i]);
	return glob_match(small, pattern.len, (const uint8_t *)name, strlen(name));
}

static int
rows_compare(struct slice name, const char *row_name)
{
	size_t len = strlen(row_name), common = name.len < len ? name.len : len;
	int r = strncasecmp((const char *)name.p, row_name, common);

	return r != 0 ? r : (name.len > len) - (name.len < len);
}

const struct command *
rows_find(const struct command *table, struct slice name)
{
	size_t low = 0, high = 0;

	while (table[high].name)
		high++;
	while (low < high) {
		size_t middle = (low + high) / 2;
		int r = rows_compare(name, table[middle].name);

		if (r == 0)
			return &table[middle];
		if (r < 0)
			high = middle;
		else
			low = middle + 1;
	}
	return NULL;
}

bool
rows_is_sub(const struct command *row)
{
	return row->name && strchr(row->name, '|');
}

const struct command *
rows_first_sub(const struct command *row)
{
	return !rows_is_sub(row) && rows_is_sub(row + 1) ? row + 1 : NULL;
}

const struct command *
rows_next_sub(const struct command *row)
{
	return rows_is_sub(row + 1) ? row + 1 : NULL;
}

const char *
rows_sub_name(const struct command *row)
{
	return strchr(row->name, '|') + 1;
}

const struct command *
rows_find_sub(const struct command *parent, struct slice name)
{
	const struct command *row = rows_first_sub(parent);

	while (row && !slice_is_word(name, rows_sub_name(row)))
		row = rows_next_sub(row);
	return row;
}

struct rows_text
rows_upper(const char *name)
{
	struct rows_text upper;
	size_t i = 0;

	for (; name[i] && i + 1 < sizeof(upper.text); i++)
		upper.text[i] = (char)toupper((unsigned char)name[i]);
	upper.text[i] = '\0';
	return upper;
}
