/* Groups on disk, for streams.c. */
#pragma once

#include "group.h"

/*
 * group_save_all() writes what changed in the groups of a stream into the open batch; group_erase_all() removes them
 * all from disk, for a stream that is deleted. Both return 0 or -ENOMEM. group_saved_all() is called when the batch is
 * complete and will not be dropped; until then, group_save_all() would write the same again.
 */
int group_save_all(struct storage *storage, const struct stream *stream);
void group_saved_all(struct stream *stream);
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
