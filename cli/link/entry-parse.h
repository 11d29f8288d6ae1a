/* Reads an entry from a line of JSON, as udsctl export prints it: the inverse of entry_fields(). */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "entry-id.h"
#include "protocol.h"

struct entry_text {
	struct entry_id id;
	struct slice *words; /* names and values in turn, n_words of them, in memory of their own */
	size_t n_words, cap;
};

/*
 * Reads an object with "id" and "fields", or with "payload" in place of these, as recv --json prints messages. Returns
 * NULL, or what is wrong. *e may hold an entry of before, whose memory is used again; zeroed at first.
 */
const char *entry_parse(struct slice line, struct entry_text *e);
void entry_parse_deinit(struct entry_text *e);
