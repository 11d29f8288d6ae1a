#include "streams-room.h"

#include <stdio.h>
#include <string.h>

#include "human.h"
#include "stream-owner.h"

/* Groups may take such a part of max_bytes_per_uid more than entries, so that reading goes on when adding does not. */
#define GROUP_ROOM_PART 4

static const char *
streams_cannot_write(struct streams *streams)
{
	snprintf(streams->refusal, sizeof(streams->refusal), "MISCONF the store cannot be written: %s",
	         storage_reason(streams->storage));
	return streams->refusal;
}

const char *
streams_failure(struct streams *streams)
{
	return streams->is_dead ? streams_cannot_write(streams) : NULL;
}

static const char *
streams_owner_is_full(struct streams *streams, uid_t uid)
{
	snprintf(streams->refusal, sizeof(streams->refusal),
	         "OOM command not allowed: the streams of uid %u are full (max_bytes_per_uid = %s)", uid,
	         human_exact_size(streams->limits.max_bytes_per_uid).text);
	return streams->refusal;
}

const char *
streams_refusal(struct streams *streams, uid_t uid)
{
	uint64_t max = streams->limits.max_bytes_per_uid;

	switch (streams->is_dead ? STORAGE_DEAD : storage_state(streams->storage)) {
	case STORAGE_OK:
		break;
	case STORAGE_SCARCE:
		snprintf(streams->refusal, sizeof(streams->refusal), "OOM command not allowed: the store is full (%s)",
		         storage_reason(streams->storage));
		return streams->refusal;
	case STORAGE_FULL:
	case STORAGE_DEAD:
		return streams_cannot_write(streams);
	}
	return max == 0 || stream_owner_bytes(streams, uid) < max ? NULL : streams_owner_is_full(streams, uid);
}

const char *
streams_group_refusal(struct streams *streams, uid_t uid)
{
	uint64_t max = streams->limits.max_bytes_per_uid;

	return max == 0 || stream_owner_bytes(streams, uid) < max + max / GROUP_ROOM_PART
	           ? NULL
	           : streams_owner_is_full(streams, uid);
}

const char *
streams_refusal_reason(const char *refusal)
{
	static const char not_allowed[] = "OOM command not allowed: ", misconf[] = "MISCONF ";

	if (strncmp(refusal, not_allowed, sizeof(not_allowed) - 1) == 0)
		return refusal + sizeof(not_allowed) - 1;
	return strncmp(refusal, misconf, sizeof(misconf) - 1) == 0 ? refusal + sizeof(misconf) - 1 : refusal;
}
