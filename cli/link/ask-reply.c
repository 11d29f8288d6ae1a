#include "answers.h"
#include "ask.h"
#include "say.h"

int
ask_refuse(const struct resp_node *error)
{
	struct slice text = error->text;

	if (answers_error_is(&text, "ERR "))
		text = (struct slice){ text.p + 4, text.len - 4 };
	say("%.*s", (int)text.len, (const char *)text.p);
	return answers_error_status(&error->text);
}

const struct resp_node *
ask_lookup(const struct resp_node *map, const char *key)
{
	const struct resp_node *node = map + 1;

	for (size_t i = 0; i + 1 < map->elements; i += 2, node += 2)
		if (resp_node_is(node, key))
			return node + 1;
	return NULL;
}
