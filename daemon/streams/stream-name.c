#include "stream-name.h"

#include <string.h>

#include "printable.h"

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
