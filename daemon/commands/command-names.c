#include "command-names.h"

#include <ctype.h>
#include <string.h>
#include <strings.h>

#include "glob.h"

bool
command_name_matches(struct slice pattern, const char *name)
{
	uint8_t small[PROTOCOL_NAME_MAX];

	if (pattern.len > sizeof(small))
		return false;
	for (size_t i = 0; i < pattern.len; i++)
		small[i] = (uint8_t)tolower(pattern.p[i]);
	return glob_match(small, pattern.len, (const uint8_t *)name, strlen(name));
}

static int
command_compare_name(struct slice name, const char *row_name)
{
	size_t len = strlen(row_name), common = name.len < len ? name.len : len;
	int r = strncasecmp((const char *)name.p, row_name, common);

	return r != 0 ? r : (name.len > len) - (name.len < len);
}

const struct command *
command_find(const struct command *table, struct slice name)
{
	size_t low = 0, high = 0;

	while (table[high].name)
		high++;
	while (low < high) {
		size_t middle = (low + high) / 2;
		int r = command_compare_name(name, table[middle].name);

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
command_is_sub(const struct command *row)
{
	return row->name && strchr(row->name, '|');
}

const struct command *
command_first_sub(const struct command *row)
{
	return !command_is_sub(row) && command_is_sub(row + 1) ? row + 1 : NULL;
}

const struct command *
command_next_sub(const struct command *row)
{
	return command_is_sub(row + 1) ? row + 1 : NULL;
}

const char *
command_sub_name(const struct command *row)
{
	return strchr(row->name, '|') + 1;
}

const struct command *
command_find_sub(const struct command *parent, struct slice name)
{
	const struct command *row = command_first_sub(parent);

	while (row && !slice_is_word(name, command_sub_name(row)))
		row = command_next_sub(row);
	return row;
}

struct command_name_text
command_name_upper(const char *name)
{
	struct command_name_text upper;
	size_t i = 0;

	for (; name[i] && i + 1 < sizeof(upper.text); i++)
		upper.text[i] = (char)toupper((unsigned char)name[i]);
	upper.text[i] = '\0';
	return upper;
}
