/* How udsctl call shows what has become of a request: as text, an answer a line, or as JSON. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "protocol.h"

struct output;

struct call_result {
	bool json, lines;
	bool clean;      /* for a terminal: control characters are replaced */
	uint64_t number; /* with lines: of the request, from 1 on */
	uint64_t us;     /* from the request on */
};

/* Shows an answer. Returns the exit status, which is not 0 where the answer cannot be shown in one line. */
int call_result_answer(const struct call_result *result, struct output *output, struct slice answer);

/* Shows why there is no answer. code: "TIMEOUT", as the daemon says it. */
void call_result_error(const struct call_result *result, struct output *output, struct slice code, struct slice text);

/* Takes an error of the daemon apart. Returns the exit status that it means. */
int call_result_split(struct slice error, struct slice *ret_code, struct slice *ret_text);
