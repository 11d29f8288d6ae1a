/* Pending entries on disk: one record of STORAGE_PENDING for each leaf, under the number of its group and its own. */
#pragma once

#include "pending.h"
#include "storage.h"

/*
 * Writes what changed into the open batch, as records of the owner. Returns 0 or -ENOMEM. pending_saved() is called
 * when the whole batch is complete; else all of it is written again next time.
 */
int pending_save(const struct pending *pending, struct storage *storage, uint64_t owner);
void pending_saved(struct pending *pending);

/*
 * Takes a leaf that was saved. find_consumer returns the consumer with a number, or NULL if there is none. Returns 0,
 * -ENOMEM, or -EBADMSG: it is damaged, overlaps with another, or names an unknown consumer.
 */
int pending_load(struct pending *pending, struct slice key, struct slice value,
                 struct stream_consumer *(*find_consumer)(void *arg, uint64_t no), void *arg);
