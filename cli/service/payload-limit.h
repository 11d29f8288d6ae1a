/* How many bytes a payload may have: max_message of the daemon, which it tells by the name that Redis has for it. */
#pragma once

#include <stddef.h>

#include "protocol.h"

struct resp_node;

#define PAYLOAD_LIMIT_WORDS ((size_t)3)

/* The command that asks for it. */
void payload_limit_ask(struct slice ret_words[PAYLOAD_LIMIT_WORDS]);

/* Reads the answer; one that is none leaves *limit alone: then the daemon will say what is too much. */
void payload_limit_read(const struct resp_node *nodes, size_t *limit);
