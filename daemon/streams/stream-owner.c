#include "stream-owner.h"

#include <stdlib.h>

#define OWNER(node_) ((struct stream_owner *)((char *)(node_)-offsetof(struct stream_owner, node)))

static struct stream_owner *
stream_owner_find(const struct streams *streams, uid_t uid)
{
	struct hashtable_node *node;

	for (node = hashtable_first(&streams->owners, uid); node; node = hashtable_next(node))
		if (OWNER(node)->uid == uid)
			return OWNER(node);
	return NULL;
}

static struct stream_owner *
stream_owner_get(struct streams *streams, uid_t uid)
{
	struct stream_owner *owner = stream_owner_find(streams, uid);

	if (owner)
		return owner;
	owner = calloc(1, sizeof(*owner));
	if (!owner)
		return NULL;
	owner->uid = uid;
	if (hashtable_insert(&streams->owners, &owner->node, uid) < 0) {
		free(owner);
		return NULL;
	}
	return owner;
}

static void
stream_owner_check(struct streams *streams, struct stream_owner *owner)
{
	if (owner->streams > 0 || owner->bytes > 0)
		return;
	hashtable_remove(&streams->owners, &owner->node);
	free(owner);
}

struct stream_owner *
stream_owner_enter(struct streams *streams, uid_t uid)
{
	struct stream_owner *owner = stream_owner_get(streams, uid);

	if (owner)
		owner->streams++;
	return owner;
}

void
stream_owner_leave(struct streams *streams, struct stream_owner *owner)
{
	owner->streams--;
	stream_owner_check(streams, owner);
}

void
stream_charge(struct streams *streams, uid_t uid, int64_t bytes)
{
	struct stream_owner *owner = bytes > 0 ? stream_owner_get(streams, uid) : stream_owner_find(streams, uid);

	if (!owner)
		return;
	if (bytes < 0 && owner->bytes < (uint64_t)-bytes)
		owner->bytes = 0;
	else
		owner->bytes += (uint64_t)bytes;
	stream_owner_check(streams, owner);
}

uint64_t
stream_owner_bytes(const struct streams *streams, uid_t uid)
{
	const struct stream_owner *owner = stream_owner_find(streams, uid);

	return owner ? owner->bytes : 0;
}
