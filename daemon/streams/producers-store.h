/* Producers on disk, for those that store and load streams. */
#pragma once

#include "producers.h"

/*
 * producers_save() writes what has changed into the open batch and returns 0 or -ENOMEM; producers_saved() is called
 * when the batch is complete. producers_erase() is for a stream that is deleted. producers_load() returns 0, -ENOMEM,
 * or -EBADMSG: the record is damaged.
 */
int producers_save(struct streams *streams, struct stream *stream);
void producers_saved(struct stream *stream);
int producers_erase(struct streams *streams, const struct stream *stream);
int producers_load(struct streams *streams, struct stream *stream, struct slice key, struct slice value,
                   uint64_t now_ms);
