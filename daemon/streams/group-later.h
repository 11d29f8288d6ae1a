/* What group-store.h and group.h are going to have. */
#pragma once

#include "streams-data.h"

void group_init_all(struct stream *stream);
void group_free_all(struct streams *streams, struct stream *stream);
int group_save_all(struct storage *storage, const struct stream *stream);
void group_saved_all(struct stream *stream);
int group_erase_all(struct storage *storage, const struct stream *stream);
int group_load(struct streams *streams, struct stream *stream, struct slice key, struct slice value,
               struct stream_group **ret_group);
int group_load_consumer(struct streams *streams, struct stream_group *group, struct slice key, struct slice value);
int group_load_pending(struct streams *streams, struct stream_group *group, struct slice key, struct slice value);
