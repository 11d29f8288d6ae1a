/* Groups on disk, for streams.c. */
#pragma once

#include "group.h"

/*
 * group_save() writes what has changed in a group into the open batch, and marks it as saved; group_save_gone() removes
 * those that were deleted. Both return 0; or -ENOMEM, and then what is left is as changed as it was, and is written
 * again.
 */
bool group_is_changed(const struct stream_group *group);
int group_save(struct storage *storage, struct stream_group *group);
int group_save_gone(struct storage *storage, struct stream *stream);
/* Removes all groups from disk, for a stream that is deleted. Returns 0 or -ENOMEM. */
int group_erase_all(struct storage *storage, const struct stream *stream);

/*
 * What was loaded: records of STORAGE_GROUPS (owner: number of the stream; key: number of the group, 8 bytes,
 * big-endian), STORAGE_CONSUMERS and STORAGE_PENDING (owner: number of the group). Return 0, -ENOMEM, or -EBADMSG: the
 * record is damaged.
 */
int group_load(struct streams *streams, struct stream *stream, struct slice key, struct slice value,
               struct stream_group **ret_group);
int group_load_consumer(struct streams *streams, struct stream_group *group, struct slice key, struct slice value);
int group_load_pending(struct streams *streams, struct stream_group *group, struct slice key, struct slice value);
