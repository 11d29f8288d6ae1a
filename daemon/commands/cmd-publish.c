/* PUBLISH and SPUBLISH. */
#include "cmd-pubsub.h"
#include "handlers.h"
#include "publish.h"
#include "reply.h"
#include "sessions.h"

bool
cmd_publish_must_wait(struct bus *bus, struct session *s, const struct slice *argv, bool is_shard, uint64_t *memory)
{
	if (argv[1].len > PROTOCOL_NAME_MAX)
		return false; /* the command itself replies the error */
	return publish_wait(bus, &s->client, &(struct publish_request){ argv[1], is_shard, .payload = argv[2] },
	                    memory);
}

static void
publish_command_answer(struct bus *bus, struct client *c, uint64_t receivers, struct barrier *barrier)
{
	reply_integer_behind(bus, session_of(c), receivers, barrier);
}

/* Publishes a message that is not just one more of the same kind. */
static enum command_result __attribute__((noinline))
publish_command_any(struct bus *bus, struct session *s, const struct slice *argv, bool is_shard)
{
	if (!cmd_require_name(bus, s, argv[1]))
		return COMMAND_DONE;
	switch (publish_message(bus, &s->client,
	                        &(struct publish_request){
				    .name = argv[1],
				    .is_shard = is_shard,
				    /* EXEC has waited for everything that it publishes, and goes out whole. */
				    .may_wait = !bus->flow.executing,
				    .payload = argv[2],
				    .tail = sessions_of(bus)->tail,
				    .answer = publish_command_answer,
				})) {
	case PUBLISH_DONE:
	case PUBLISH_DEAD:
		return COMMAND_DONE;
	case PUBLISH_WAIT:
		return COMMAND_WAIT;
	case PUBLISH_REFUSED:
		reply_error(bus, s, "%s", bus->refusal);
		return COMMAND_DONE;
	case PUBLISH_DENIED:
		cmd_refuse_channel(bus, s, "publish to", argv[1]);
		return COMMAND_DONE;
	case PUBLISH_NOMEM:
		reply_error(bus, s, "ERR out of memory, the message was not published");
		return COMMAND_DONE;
	case PUBLISH_LOST:
		flow_mark_dead(&bus->flow, &s->client); /* its answer, already queued, is wrong */
		return COMMAND_DONE;
	}
	return COMMAND_DONE;
}

static inline enum command_result __attribute__((always_inline))
publish_command(struct bus *bus, struct session *s, const struct slice *argv, bool is_shard)
{
	if (!publish_is_more(bus, &s->client, argv[1], is_shard, argv[2].len))
		return publish_command_any(bus, s, argv, is_shard);
	publish_more(bus, &s->client, argv[2], publish_command_answer);
	return COMMAND_DONE;
}

enum command_result
cmd_publish(struct bus *bus, struct session *s, const struct slice *argv, size_t argc)
{
	return publish_command(bus, s, argv, false);
}

enum command_result
cmd_spublish(struct bus *bus, struct session *s, const struct slice *argv, size_t argc)
{
	return publish_command(bus, s, argv, true);
}
