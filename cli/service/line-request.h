/* A request as a line for a process, whose answer is a line, too. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "buf.h"

struct serve_request;

struct line_request {
	uint64_t id;
	uint64_t until;    /* the deadline: loop_now() */
	size_t answer_max; /* bytes */
	bool has_line_end; /* so its answer gets one, too */
	struct buf line;   /* with its end, always */
};

/* Makes it from a request, which may end with one newline; the memory of the one before is used again. False: it has
 * more than one line. */
bool line_request_read(struct line_request *line, const struct serve_request *request, size_t answer_max);

/* It has ended: much memory is given back. */
void line_request_end(struct line_request *line);

void line_request_deinit(struct line_request *line);
