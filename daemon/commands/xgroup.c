#include "xgroup.h"

#include "blocked.h"
#include "group-idle.h"

struct stream_group *
xgroup_require(struct bus *bus, struct session *s, struct streams *streams, struct slice key, struct slice name)
{
	struct stream *stream = streams_find(streams, key);
	struct stream_group *group = stream ? group_find(stream, name) : NULL;

	bus->flow.work.done += 2 * WORK_LOOKUP;
	keyspace_hold(bus, streams, stream);
	if (!group)
		reply_error(bus, s, "NOGROUP No such key '%.*s' or consumer group '%.*s'", COMMAND_SHOWN(key),
		            COMMAND_SHOWN(name));
	keyspace_release(bus);
	return group;
}

bool
xgroup_require_room(struct bus *bus, struct session *s, struct streams *streams, const struct stream *stream)
{
	const char *refusal = streams_group_refusal(streams, stream->uid);

	if (refusal)
		reply_error(bus, s, "%s", refusal);
	return !refusal;
}

struct stream_consumer *
xgroup_require_consumer(struct bus *bus, struct session *s, struct streams *streams, struct stream_group *group,
                        struct slice name)
{
	struct stream_consumer *consumer = group_find_consumer(group, name);

	bus->flow.work.done += WORK_LOOKUP;
	if (consumer)
		return consumer;
	if (name.len > PROTOCOL_NAME_MAX) {
		reply_error(bus, s, "ERR the name of the consumer is too long, %zu bytes; the limit is %zu", name.len,
		            PROTOCOL_NAME_MAX);
		return NULL;
	}
	if (group->n_consumers >= GROUP_CONSUMERS_MAX) {
		reply_error(bus, s, "ERR too many consumers; a group has at most %d", GROUP_CONSUMERS_MAX);
		return NULL;
	}
	if (!xgroup_require_room(bus, s, streams, group->stream))
		return NULL;
	consumer = group_new_consumer(streams, group, name, streams_now_ms(streams));
	if (consumer)
		group_idle_watch(streams, group);
	else
		reply_error(bus, s, "ERR out of memory, the consumer was not made");
	return consumer;
}

void
xgroup_hand_out(struct session *s, struct streams *streams, struct stream_group *group, struct stream_pending *entry)
{
	struct session_info *info = group_redelivers(streams, group) ? session_get_info(s) : NULL;

	group_hand_out(streams, group, entry, &s->client, info ? &info->holder : NULL);
}

void
xgroup_wake(struct streams *streams, struct stream_group *group)
{
	if (group_is_paused(group))
		return;
	if (group_next_released(streams, group, STREAM_ID_MIN) ||
	    (stream_id_cmp(group->stream->last, group->last) > 0 &&
	     group->pending.n_entries < stream_rule(streams, group->stream)->max_pending))
		blocked_wake_next(streams, group->stream, group->no);
}
