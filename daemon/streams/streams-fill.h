/* Writes what was changed into the open batch of the store. */
#pragma once

#include <stdbool.h>

#include "streams-data.h"

/*
 * Writes what was changed and is not written yet, for about so much work (work.h). Returns whether that was all; else
 * it goes on at the end of the next pass: is_filling says that it will, unless there was no memory, which is logged.
 */
bool streams_fill(struct streams *streams, uint64_t work);

/* All was written, and the batch is handed over now. */
void streams_filled(struct streams *streams);

/*
 * Writes some of what will hardly change again, while another batch is under way, so that streams_fill() has little to
 * do at once even after a flush that takes long.
 */
void streams_fill_ahead(struct streams *streams);
