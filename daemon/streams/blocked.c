/*
 * Each stream that a command waits for has an entry in one list:
 * - of XREAD in that of the stream, or of the name while there is no such stream. An entry that has been woken has left
 *   the list, so that adding more entries to the stream does not look at it again; it comes back if the command waits
 *   once more.
 * - of XREADGROUP in that of the group, in the order in which the commands came. It stays there until the command is
 *   done, since it must not lose its place. Of each group one waiter is woken at a time: the first one that is alive;
 *   and for entries that can be claimed, the first one that claims.
 * It leaves nothing behind that nobody is woken for: when it is done, or dies, the next one is woken.
 *
 * To wake only makes a client ready: its command runs in a turn of its own. Lists of groups and names exist only while
 * somebody waits in them. An entry knows its stream by name only, and refers to no stream that it is not in a list of:
 * streams come and go.
 */
#include "blocked.h"

#include <errno.h>
#include <stdlib.h>

#include "streams-clock.h"

/* Longer timeouts are none, in ms: about three hundred years. */
#define TIMEOUT_MAX_MS ((uint64_t)10 * 1000 * 1000 * 1000 * 1000)

#define OF(type, member, p) ((type *)((char *)(p)-offsetof(type, member)))

static void
blocked_rouse(struct streams *streams, struct blocked *blocked)
{
	streams->flow->work.done += WORK_VISIT;
	blocked->is_awake = true;
	/* It may also wait for a block from disk, or its turn has begun. */
	if (blocked->client->in_list == &streams->blocked)
		flow_resume(streams->flow, blocked->client);
}

/*
 * Wakes the first waiter that is alive, if it is not awake already; and the next, if that one cannot take anything now.
 * With `claims`, only those count that claim.
 */
static void
blocked_rouse_first(struct streams *streams, struct blocked_group *group, bool claims)
{
	struct blocked_stream *entry;

	TAILQ_FOREACH(entry, &group->waiters, link) {
		struct blocked *blocked = entry->blocked;

		streams->flow->work.done += WORK_VISIT;
		if (!client_is_live(blocked->client) || blocked->is_served || (claims && !entry->claims))
			continue;
		if (!blocked->is_awake)
			blocked_rouse(streams, blocked);
		else if (claims) /* perhaps it has looked already */
			blocked->must_look_again = true;
		if (!client_is_stalled(blocked->client))
			return;
	}
}

static struct blocked *
blocked_new(struct client *c, const struct blocked_key *keys, size_t n)
{
	size_t memory = sizeof(struct blocked) + n * sizeof(struct blocked_stream);
	struct blocked *blocked;
	uint8_t *p;

	for (size_t i = 0; i < n; i++)
		memory += keys[i].name.len;
	blocked = calloc(1, memory);
	if (!blocked)
		return NULL;
	blocked->client = c;
	blocked->deadline_us = UINT64_MAX;
	blocked->memory = memory;
	blocked->n = n;
	p = (uint8_t *)&blocked->streams[n];
	for (size_t i = 0; i < n; i++) {
		blocked->streams[i] = (struct blocked_stream){
			.blocked = blocked,
			.after = keys[i].after,
			.group = keys[i].group,
			.consumer = keys[i].consumer,
			.claims = keys[i].claims,
			.name = { p, keys[i].name.len },
		};
		p = slice_put(p, keys[i].name);
	}
	return blocked;
}

/* Wakes it at that time, if that is before UINT64_MAX. Returns 0 or -ENOMEM. */
static int
blocked_set_alarm(struct streams *streams, struct blocked *blocked, uint64_t us)
{
	heap_remove(&streams->deadlines, &blocked->alarm);
	return us < UINT64_MAX ? heap_add(&streams->deadlines, &blocked->alarm, us) : 0;
}

int
blocked_begin(struct streams *streams, struct client *c, const struct blocked_key *keys, size_t n, uint64_t timeout_ms,
              struct blocked **ret_blocked)
{
	struct blocked *blocked = blocked_new(c, keys, n);
	int r;

	if (!blocked)
		return -ENOMEM;
	streams->n_blocked++;
	streams->flow->work.done += n * WORK_LOOKUP + WORK_BYTES(blocked->memory);
	if (timeout_ms > 0 && timeout_ms <= TIMEOUT_MAX_MS)
		blocked->deadline_us = streams_now_us() + timeout_ms * 1000;
	r = blocked_set_alarm(streams, blocked, blocked->deadline_us);
	for (size_t i = 0; r == 0 && i < n; i++)
		r = blocked_enter(streams, &blocked->streams[i]);
	if (r == 0 && !flow_wait(streams->flow, c, &streams->blocked))
		r = -ESRCH;
	if (r < 0)
		blocked_free(streams, blocked);
	else
		*ret_blocked = blocked;
	return r;
}

void
blocked_set_group(struct streams *streams, struct blocked_stream *entry, uint64_t group)
{
	if (entry->group == group)
		return;
	blocked_leave(streams, entry);
	entry->group = group;
}

bool
blocked_again(struct streams *streams, struct blocked *blocked)
{
	blocked->is_awake = false;
	if (blocked->alarm.at == 0 && blocked_set_alarm(streams, blocked, blocked->deadline_us) < 0) {
		flow_out_of_memory(streams->flow, blocked->client);
		return false;
	}
	for (size_t i = 0; i < blocked->n; i++) {
		streams->flow->work.done += WORK_VISIT;
		if (!blocked->streams[i].list && blocked_enter(streams, &blocked->streams[i]) < 0) {
			flow_out_of_memory(streams->flow, blocked->client);
			return false;
		}
	}
	return flow_wait(streams->flow, blocked->client, &streams->blocked);
}

void
blocked_retry(struct streams *streams, struct blocked *blocked, uint64_t after_ms)
{
	uint64_t us = streams_now_us();

	if (!blocked->must_look_again)
		us += (after_ms < TIMEOUT_MAX_MS ? after_ms : TIMEOUT_MAX_MS) * 1000;
	blocked->must_look_again = false;
	if (us < blocked->deadline_us && blocked_set_alarm(streams, blocked, us) < 0)
		flow_out_of_memory(streams->flow, blocked->client);
}

void
blocked_free(struct streams *streams, struct blocked *blocked)
{
	if (!blocked)
		return;
	heap_remove(&streams->deadlines, &blocked->alarm);
	for (size_t i = 0; i < blocked->n; i++) {
		struct blocked_stream *entry = &blocked->streams[i];
		bool is_last = entry->list && TAILQ_FIRST(entry->list) == entry && !TAILQ_NEXT(entry, link);
		struct blocked_group *group = is_last ? NULL : entry->waiting_group;

		blocked_leave(streams, entry);
		if (group && blocked->is_awake && !blocked->is_served)
			blocked_rouse_first(streams, group, false);
		/* Whether it has taken something or not, there may be more to claim. */
		if (group && entry->claims && blocked->is_awake && group->n_claims > 0)
			blocked_rouse_first(streams, group, true);
	}
	streams->n_blocked--;
	if (streams->n_blocked == 0) {
		heap_deinit(&streams->deadlines);
		hashtable_deinit(&streams->blocked_groups);
		hashtable_deinit(&streams->blocked_names);
	}
	streams->flow->chunks.released += blocked->memory;
	free(blocked);
}

void
blocked_wake(struct streams *streams, struct stream *stream)
{
	struct blocked_stream *entry, *next;
	struct blocked_group *group;

	for (entry = TAILQ_FIRST(&stream->blocked); entry; entry = next) {
		next = TAILQ_NEXT(entry, link);
		streams->flow->work.done += WORK_VISIT;
		if (stream_id_cmp(entry->after, stream->last) >= 0)
			continue;
		blocked_leave(streams, entry);
		blocked_rouse(streams, entry->blocked);
	}
	LIST_FOREACH(group, &stream->blocked_groups, link)
		blocked_rouse_first(streams, group, false);
}

void
blocked_wake_next(struct streams *streams, struct stream *stream, uint64_t no)
{
	struct blocked_group *group = LIST_EMPTY(&stream->blocked_groups) ? NULL : blocked_find_group(streams, no);

	if (group)
		blocked_rouse_first(streams, group, false);
}

void
blocked_wake_claims(struct streams *streams, struct stream *stream, uint64_t no)
{
	struct blocked_group *group = LIST_EMPTY(&stream->blocked_groups) ? NULL : blocked_find_group(streams, no);

	if (group && group->n_claims > 0)
		blocked_rouse_first(streams, group, true);
}

/* Wakes all of a list, and empties it; that of a group is gone afterwards. */
static void
blocked_rouse_all(struct streams *streams, struct blocked_list *list)
{
	struct blocked_stream *entry = TAILQ_FIRST(list), *next;

	for (; entry; entry = next) {
		next = TAILQ_NEXT(entry, link);
		blocked_leave(streams, entry);
		blocked_rouse(streams, entry->blocked);
	}
}

void
blocked_wake_group(struct streams *streams, struct stream *stream, uint64_t no)
{
	struct blocked_group *group = LIST_EMPTY(&stream->blocked_groups) ? NULL : blocked_find_group(streams, no);

	if (group)
		blocked_rouse_all(streams, &group->waiters);
}

void
blocked_wake_all(struct streams *streams, struct stream *stream)
{
	struct blocked_group *group;

	blocked_rouse_all(streams, &stream->blocked);
	while ((group = LIST_FIRST(&stream->blocked_groups)))
		blocked_rouse_all(streams, &group->waiters);
}

void
blocked_adopt(struct streams *streams, struct stream *stream)
{
	struct slice name = { stream->name, stream->name_len };
	struct blocked_name *waiting = streams->n_blocked > 0 ? blocked_find_name(streams, name) : NULL;
	struct blocked_stream *entry;

	while (waiting) {
		bool is_last;

		entry = TAILQ_FIRST(&waiting->waiters);
		is_last = !TAILQ_NEXT(entry, link);
		blocked_leave(streams, entry);
		entry->list = &stream->blocked;
		TAILQ_INSERT_TAIL(entry->list, entry, link);
		if (is_last)
			waiting = NULL;
	}
}

bool
blocked_unblock(struct streams *streams, struct blocked *blocked, bool with_error)
{
	if (blocked->is_over || !client_is_live(blocked->client))
		return false;
	blocked->is_over = true;
	blocked->is_unblocked_with_error = with_error;
	blocked_rouse(streams, blocked);
	return true;
}

uint64_t
blocked_next_deadline(const struct streams *streams)
{
	const struct heap_node *first = heap_first(&streams->deadlines);

	return first ? first->key : UINT64_MAX;
}

void
blocked_check(struct streams *streams)
{
	struct heap_node *first = heap_first(&streams->deadlines);
	uint64_t now_us = first ? streams_now_us() : 0;

	for (; first && first->key <= now_us && !work_is_pass_over(&streams->flow->work);
	     first = heap_first(&streams->deadlines)) {
		struct blocked *blocked = OF(struct blocked, alarm, first);

		streams->flow->work.done += WORK_LOOKUP;
		heap_remove(&streams->deadlines, first);
		blocked->is_over = blocked->is_over || blocked->deadline_us <= now_us;
		blocked_rouse(streams, blocked);
	}
}
