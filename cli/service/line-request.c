#include "line-request.h"

#include <string.h>

#include "loop.h"
#include "memory.h"
#include "serve-request.h"

bool
line_request_read(struct line_request *line, const struct serve_request *request, size_t answer_max)
{
	struct slice text = request->payload;

	line->id = request->id;
	line->until = loop_now() + request->left;
	line->answer_max = answer_max;
	line->has_line_end = text.len > 0 && text.p[text.len - 1] == '\n';
	text.len -= line->has_line_end;
	if (text.len > 0 && memchr(text.p, '\n', text.len))
		return false;
	line->line.len = 0;
	memory_check(buf_append(&line->line, text.p, text.len));
	memory_check(buf_append(&line->line, "\n", 1));
	return true;
}

void
line_request_end(struct line_request *line)
{
	line->line.len = 0;
	buf_shrink(&line->line);
}

void
line_request_deinit(struct line_request *line)
{
	buf_deinit(&line->line);
}
