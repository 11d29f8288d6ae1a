/* recv from streams: what they hold, from a place on, and then what is added to them. */
#pragma once

#include <stdbool.h>

struct recv_options;

/* Whether the options ask for streams: --from, --position, --into or --no-wait. */
bool history_is_asked(const struct recv_options *o);

/* Returns the exit status. */
int history_run(const struct recv_options *o);
