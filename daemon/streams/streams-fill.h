/* Writes what was changed into the open batch of the store. */
#pragma once

#include <stdbool.h>

#include "streams-data.h"

/*
 * Writes all of it, as it is now. Returns whether it could; else there was no memory, which is logged, and everything
 * is as changed as it was.
 */
bool streams_fill(struct streams *streams);

/*
 * Writes some of what will hardly change again, while another batch is under way, so that streams_fill() has little to
 * do at once even after a flush that takes long.
 */
void streams_fill_ahead(struct streams *streams);
