/*
 * XREAD and XREADGROUP. The answer is built stream by stream. Where a block has to be read from disk, the command keeps
 * what it has and goes on when the block is there; what a group has given until then is given. An answer ends after
 * XREAD_BYTES: COUNT is only the most that a command returns, and a client goes on where the answer ends.
 *
 * A group with max_pending entries that are not acknowledged has nothing to give: its readers get nothing, or wait with
 * BLOCK until something is acknowledged.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "handlers.h"
#include "keyspace.h"
#include "reply.h"
#include "xgroup.h"
#include "xread-claims.h"
#include "xread-shared.h"
#include "xread.h"

static bool
xread_refuse(struct xread *read, const char *text)
{
	reply_error(read->bus, read->s, "ERR %s", text);
	return false;
}

/* "+": what comes after the last entry but one, whose id has to be read. Returns ENTRY or why it cannot go on. */
static enum stream_step
xread_resolve_last(struct xread *read, struct stream *stream, struct stream_id *ret_after)
{
	struct stream_cursor cursor;
	struct stream_entry entry = { 0 };
	enum stream_step step = STREAM_END;

	if (stream) {
		stream_seek(&cursor, stream, STREAM_ID_MIN, STREAM_ID_MAX, true);
		step = stream_step(read->streams, &cursor, &entry);
	}
	if (step == STREAM_COLD || step == STREAM_ERROR)
		return step;
	stream_id_prev(&entry.id);
	*ret_after = entry.id;
	return STREAM_ENTRY;
}

/* Resolves an id: "$" and "+" keep the meaning that they have when the command runs first. Returns false after an error
 * reply, or with another read->step than ENTRY. */
static bool
xread_require_after(struct xread *read, struct stream *stream, struct slice text, struct stream_id *ret_after)
{
	char special = text.len == 1 ? (char)text.p[0] : '\0';

	if (special == '$' && read->args.is_group)
		return xread_refuse(
		    read, "The $ ID is meaningless in the context of XREADGROUP: you want to read the history "
			  "of this consumer by specifying a proper ID, or use the > ID to get new messages. "
			  "The $ ID would just return an empty result set.");
	if (special == '+' && read->args.is_group)
		return xread_refuse(
		    read, "The + ID is meaningless in the context of XREADGROUP: you want to read the history "
			  "of this consumer by specifying a proper ID, or use the > ID to get new messages. "
			  "The + ID would just return an empty result set.");
	if (special == '>' && !read->args.is_group)
		return xread_refuse(read,
		                    "The > ID can be specified only when calling XREADGROUP using the GROUP <group> "
		                    "<consumer> option.");
	if (special == '$')
		*ret_after = stream ? stream->last : STREAM_ID_MIN;
	else if (special == '>')
		*ret_after = XREAD_NEW;
	else if (special == '+')
		return (read->step = xread_resolve_last(read, stream, ret_after)) == STREAM_ENTRY;
	else
		return keyspace_require_id(read->bus, read->s, text, 0, ret_after);
	return true;
}

/* There is no such group. Returns false after the error reply. */
static bool
xread_refuse_group(struct xread *read, struct slice key)
{
	keyspace_hold(read->bus, read->streams, NULL);
	reply_error(read->bus, read->s,
	            "NOGROUP No such key '%.*s' or consumer group '%.*s' in XREADGROUP with GROUP option",
	            COMMAND_SHOWN(key), COMMAND_SHOWN(read->args.group));
	keyspace_release(read->bus);
	return false;
}

/* The group that has this name now: another one if it was deleted and made again while the command waited. Returns NULL
 * after an error reply. */
static struct stream_group *
xread_require_group(struct xread *read, size_t i)
{
	struct blocked_key *key = &read->state->keys[i];
	struct stream *stream = streams_find(read->streams, key->name);
	struct stream_group *group = stream ? group_find(stream, read->args.group) : NULL;

	if (!group) {
		xread_refuse_group(read, key->name);
		return NULL;
	}
	key->group = group->no;
	if (read->blocked)
		blocked_set_group(read->streams, &read->blocked->streams[i], group->no);
	return group;
}

/* Finds the streams and groups, and resolves the ids, or takes those of the first run. Returns false after an error
 * reply, or with another read->step than ENTRY. */
static bool
xread_require_keys(struct xread *read)
{
	read->work->extra = read->state = calloc(1, sizeof(*read->state) + read->args.n * sizeof(read->state->keys[0]));
	if (!read->state)
		return xread_refuse(read, "out of memory");
	read->state->begin_ms = streams_now_ms(read->streams);
	read->bus->flow.work.done += read->args.n * WORK_LOOKUP;
	for (size_t i = 0; i < read->args.n; i++) {
		struct blocked_key *key = &read->state->keys[i];
		struct stream *stream = NULL;
		struct stream_group *group = NULL;

		key->name = read->args.names[i];
		if (!read->args.is_group)
			stream = streams_find(read->streams, key->name);
		else if (!(group = xread_require_group(read, i)))
			return false;
		if (read->blocked)
			key->after = read->blocked->streams[i].after;
		else if (!xread_require_after(read, stream, read->args.ids[i], &key->after))
			return false;
		key->claims = read->args.has_claim && stream_id_cmp(key->after, XREAD_NEW) == 0;
		if (group && !read->args.is_noack && stream_id_cmp(key->after, XREAD_NEW) == 0 &&
		    !xgroup_require_room(read->bus, read->s, read->streams, group->stream))
			return false;
	}
	return true;
}

/* Makes the consumer where it is not known yet. */
static bool
xread_require_consumers(struct xread *read)
{
	for (size_t i = 0; i < read->args.n && read->args.is_group; i++) {
		struct blocked_key *key = &read->state->keys[i];
		struct stream_group *group = group_find_no(streams_find(read->streams, key->name), key->group);
		const struct stream_consumer *consumer;

		consumer = xgroup_require_consumer(read->bus, read->s, read->streams, group, read->args.consumer);
		if (!consumer)
			return false;
		key->consumer = consumer->no;
		if (read->blocked)
			read->blocked->streams[i].consumer = key->consumer;
	}
	return true;
}

/* Ends the waiting of a command that is done. */
static void
xread_unblock(struct xread *read)
{
	if (!read->blocked)
		return;
	blocked_free(sessions_of(read->bus)->streams, read->blocked);
	read->s->info->blocked = NULL;
	read->blocked = NULL;
}

/* A waiter with CLAIM looks again when the next entry is idle for long enough, which perhaps is not given yet. */
static void
xread_retry(struct xread *read)
{
	uint64_t after_ms = read->args.claim_ms < XREAD_RETRY_MS ? XREAD_RETRY_MS : read->args.claim_ms;

	for (size_t i = 0; i < read->args.n; i++) {
		struct stream *stream = streams_find(read->streams, read->state->keys[i].name);
		struct stream_group *group = stream ? group_find_no(stream, read->state->keys[i].group) : NULL;
		uint64_t due_ms = UINT64_MAX;

		if (group)
			due_ms = xread_claims_due(&group->pending, streams_now_ms(read->streams), read->args.claim_ms,
			                          &read->bus->flow.work);
		read->bus->flow.work.done += WORK_LOOKUP;
		if (due_ms < after_ms)
			after_ms = due_ms;
	}
	blocked_retry(read->streams, read->s->info->blocked, after_ms);
}

/* Whether all groups are still there, after it has waited for the disk. */
static bool
xread_require_groups(struct xread *read)
{
	for (size_t i = 0; read->args.is_group && i < read->args.n; i++) {
		read->bus->flow.work.done += WORK_LOOKUP;
		if (!xread_require_group(read, i))
			return false;
	}
	return true;
}

/* Nothing to give: waits, or says so. */
static enum command_result
xread_reply_none(struct xread *read)
{
	struct session_info *info;
	int r = -ENOMEM;

	if (read->blocked && read->blocked->is_over) {
		if (read->blocked->is_unblocked_with_error)
			reply_error(read->bus, read->s, "UNBLOCKED client unblocked via CLIENT UNBLOCK");
		else
			reply_null_array(read->bus, read->s);
		return COMMAND_DONE;
	}
	if (!read->args.has_block || read->bus->flow.executing == &read->s->client) {
		reply_null_array(read->bus, read->s);
		return COMMAND_DONE;
	}
	info = session_get_info(read->s);
	if (read->blocked)
		r = blocked_again(read->streams, read->blocked) ? 0 : -ESRCH;
	else if (info)
		r = blocked_begin(read->streams, &read->s->client, read->state->keys, read->args.n, read->args.block_ms,
		                  &info->blocked);
	if (r == -ENOMEM)
		reply_error(read->bus, read->s, "ERR out of memory");
	if (r < 0)
		return COMMAND_DONE;
	if (read->args.has_claim)
		xread_retry(read);
	return COMMAND_WAIT;
}

/* Replies what was found, if anything. */
static enum command_result
xread_reply(struct xread *read)
{
	struct answer *answer = &read->work->answer;

	if (read->state->n_served == 0)
		return xread_reply_none(read);
	if (client_is_resp3(&read->s->client))
		answer_close_map(answer, read->state->list, read->state->n_served);
	else
		answer_close_array(answer, read->state->list, read->state->n_served);
	reply_hold(read->bus, read->hold);
	xread_shared_keep(read);
	answer_send(answer);
	reply_hold(read->bus, NULL);
	read->work->has_answer = false;
	return COMMAND_DONE;
}

/* A command that cannot go on. It ends with what it has, if that is anything; EXEC cannot wait. */
static enum command_result
xread_give_up(struct xread *read)
{
	bool is_exec = read->bus->flow.executing == &read->s->client;
	bool has_some = read->state && read->work->has_answer && (read->state->n_served > 0 || read->state->part.n > 0);

	if (has_some && (is_exec || read->step == STREAM_ERROR)) {
		xread_close(read, NULL);
		return xread_reply(read);
	}
	if (read->step == STREAM_ERROR)
		return keyspace_refuse_error(read->bus, read->s);
	if (read->step != STREAM_COLD)
		return COMMAND_DONE;
	if (!read->work->has_answer) /* where "+" is had to be read, and nothing else is done */
		return keyspace_wait_cold(read->bus, read->s, read->streams, 0);
	return xwork_wait_cold(read->bus, read->s, read->streams, read->work, 1);
}

/* Returns false if the command is over: an error was replied, or what another client has just got. */
static bool
xread_begin(struct xread *read)
{
	if (!xread_require_keys(read) || !xread_require_consumers(read) || xread_shared_reply(read))
		return false;
	answer_begin(&read->work->answer, read->bus, read->s);
	read->work->has_answer = true;
	read->state->list = answer_open(&read->work->answer);
	return true;
}

/* Goes on after it has waited for a block from disk. */
static void
xread_resume(struct xread *read)
{
	read->state = read->work->extra;
	read->state->is_resumed = true;
	for (size_t i = 0; i < read->args.n; i++)
		read->state->keys[i].name = read->args.names[i];
}

/* Whether the worker that was woken has hung up meanwhile: it is given nothing, and the next one is woken instead. */
static bool
xread_has_gone(struct xread *read)
{
	read->bus->flow.work.done += WORK_SYSCALL;
	if (!sessions_is_gone(read->bus, read->s))
		return false;
	bus_kill(read->bus, &read->s->client);
	return true;
}

static void
xread_serve_all(struct xread *read)
{
	while (read->state->at < read->args.n && read->step == STREAM_END && !xread_is_enough(read))
		read->step = xread_serve(read);
}

static enum command_result
xread_run(struct xread *read, bool is_resumed)
{
	if (!is_resumed && read->blocked && read->args.is_group && xread_has_gone(read))
		return COMMAND_DONE;
	if (is_resumed)
		xread_resume(read);
	else if (!xread_begin(read))
		return xread_give_up(read);
	read->step = STREAM_END;
	xread_serve_all(read);
	/* Much may have happened while it waited: in streams before that one, and to its group and its consumer. */
	if (is_resumed && read->step == STREAM_END && read->state->n_served == 0) {
		read->state->at = 0;
		if (!xread_require_groups(read) || !xread_require_consumers(read))
			return COMMAND_DONE;
		xread_serve_all(read);
	}
	if (read->step == STREAM_MORE)
		return COMMAND_MORE;
	return read->step == STREAM_END ? xread_reply(read) : xread_give_up(read);
}

static enum command_result
xread_command(struct bus *bus, struct session *s, const struct slice *argv, size_t argc, struct xwork *work,
              size_t next)
{
	struct xread read = { .bus = bus, .s = s, .begin = bus->flow.work.done, .step = STREAM_ENTRY, .work = work };
	enum command_result result = COMMAND_DONE;

	read.streams = keyspace_require_streams(bus, s);
	read.blocked = s->info ? s->info->blocked : NULL;
	if (!read.streams || !xread_args_parse(bus, s, argv, argc, &read.args)) {
		xread_unblock(&read);
		return COMMAND_DONE;
	}
	for (size_t i = 0; i < read.args.n; i++)
		if (!keyspace_require_key(bus, s, read.args.names[i], KEYSPACE_READ)) {
			xread_unblock(&read);
			return COMMAND_DONE;
		}
	if (read.args.is_group && next == 0 && keyspace_must_wait(bus, s, read.streams))
		return COMMAND_WAIT;
	result = xread_run(&read, next > 0);
	if (result == COMMAND_DONE)
		xread_unblock(&read);
	free(read.gifts);
	return result;
}

enum command_result
cmd_xread(struct bus *bus, struct session *s, const struct slice *argv, size_t argc)
{
	return xwork_run(bus, s, argv, argc, xread_command);
}

enum command_result
cmd_xreadgroup(struct bus *bus, struct session *s, const struct slice *argv, size_t argc)
{
	return xwork_run(bus, s, argv, argc, xread_command);
}
