/* Delayed entries on disk: a record of STORAGE_LATER for each, under the number of its stream and its id. */
#pragma once

#include "later.h"

/*
 * Writes what changed in a stream into the open batch, where it counts as saved, up to a value of work.done. Returns 0;
 * -EAGAIN: something is left; or -ENOMEM.
 */
int later_save(struct streams *streams, struct stream *stream, uint64_t work_end);
/* Removes all from disk, for a stream that is deleted. Returns 0 or -ENOMEM. */
int later_erase(struct streams *streams, const struct stream *stream);

/* Takes a record. Returns 0, -ENOMEM, or -EBADMSG: it is damaged. */
int later_load(struct streams *streams, struct stream *stream, struct slice key, struct slice value);
