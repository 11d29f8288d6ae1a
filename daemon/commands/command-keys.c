#include "command-keys.h"

#include <stdlib.h>
#include <string.h>

bool
command_keys_next(const char **text, struct command_keys *ret_keys)
{
	const char *p = *text, *end, *notes;
	struct command_keys keys = { 0 };
	size_t place, len;

	if (!p || !*p)
		return false;
	len = strcspn(p, ";");
	end = p + len;
	*text = end + (*end ? 2 : 0);
	notes = memchr(p, '#', len);
	if (notes) {
		keys.notes = (struct slice){ (const uint8_t *)notes + 2, (size_t)(end - notes) - 2 };
		end = notes - 1;
	}
	place = strcspn(p, " ");
	keys.flags = (struct slice){ (const uint8_t *)p + place + 1, (size_t)(end - p) - place - 1 };
	if (p[0] >= 'A') {
		keys.keyword = (struct slice){ (const uint8_t *)p, strcspn(p, ":") };
		p += keys.keyword.len + 1;
	}
	keys.index = strtoul(p, NULL, 10);
	keys.is_open = strcspn(p, ".") < strcspn(p, " ");
	*ret_keys = keys;
	return true;
}

size_t
command_keys_find(const struct command_keys *keys, const struct slice *argv, size_t argc, size_t *ret_first)
{
	size_t i = keys->index;

	if (keys->keyword.len == 0) {
		*ret_first = i;
		return i >= argc ? 0 : keys->is_open ? argc - i : 1;
	}
	while (i < argc && !(argv[i].len == keys->keyword.len &&
	                     strncasecmp((const char *)argv[i].p, (const char *)keys->keyword.p, argv[i].len) == 0))
		i++;
	*ret_first = i + 1;
	return i < argc ? (argc - i - 1) / 2 : 0;
}
