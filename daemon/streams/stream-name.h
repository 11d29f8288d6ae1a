/* The name of a stream for the log: a client chose it. */
#pragma once

#include "streams-data.h"

struct stream_name_text {
	char text[100];
};

/* Without control characters, and cut if it is long. */
struct stream_name_text stream_name_text(const struct stream *stream);
