#include "stream-name.h"

#include <string.h>

#include "printable.h"

#define STREAM(node_) ((struct stream *)((char *)(node_)-offsetof(struct stream, node)))

struct stream *
stream_name_find(const struct streams *streams, struct slice name, uint64_t hash)
{
	struct hashtable_node *node;

	for (node = hashtable_first(&streams->table, hash); node; node = hashtable_next(node))
		if (STREAM(node)->name_len == name.len && slice_is(name, STREAM(node)->name))
			return STREAM(node);
	return NULL;
}

struct stream_name_text
stream_name_text(const struct stream *stream)
{
	struct stream_name_text name;
	size_t len = stream->name_len;
	bool is_cut = len >= sizeof(name.text);

	if (is_cut)
		len = sizeof(name.text) - sizeof("...");
	memcpy(name.text, stream->name, len);
	len = printable_clean(name.text, len, NULL);
	strcpy(name.text + len, is_cut ? "..." : "");
	return name;
}
