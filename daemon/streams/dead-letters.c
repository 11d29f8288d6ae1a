/*
 * Which entries are doomed, handouts.c knows. They go one by one, each as a whole: it is added to the dead-letter
 * stream and acknowledged, and nothing is done if it cannot be added. Where the entry or the stream has to be waited
 * for, its group waits with all others that are doomed, for DEAD_RETRY_US or until a block was read.
 */
#include "dead-letters.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "blocked.h"
#include "group-consumers.h"
#include "group-handouts.h"
#include "num.h"
#include "stream-name.h"
#include "stream-retain.h"
#include "stream-trim.h"
#include "streams-registry.h"
#include "streams-room.h"
#include "streams-clock.h"

#define DEAD_RETRY_US 1000000

#define DEAD_LOG_LINES 5
#define DEAD_LOG_MS 60000

/* Names that udsd gives to fields begin so; what an entry has of an earlier time is replaced. */
#define DEAD_PREFIX "udsd-"
#define DEAD_FIELDS 13

/* The fields of a dead letter: those of the entry, and what became of it. */
struct dead_letter {
	struct slice *argv;
	size_t n; /* slices */
	struct slice time;
	char id[STREAM_ID_TEXT], numbers[7][NUM_DIGITS_MAX + 1];
	size_t n_numbers;
};

void
dead_letter_get_name(const struct stream *stream, const struct stream_delivery *delivery,
                     struct dead_letter_name *ret_name)
{
	const char *p = delivery->dead_letter[0] ? delivery->dead_letter : STREAM_DEAD_LETTER;
	struct slice of = { stream->name, stream->name_len };

	ret_name->len = 0;
	while (*p) {
		bool is_name = p[0] == '%' && p[1] == 's';
		struct slice part = is_name ? of : (struct slice){ (const uint8_t *)p, 1 };

		if (ret_name->len + part.len > sizeof(ret_name->name)) {
			ret_name->len = 0;
			return;
		}
		slice_put(ret_name->name + ret_name->len, part);
		ret_name->len += part.len;
		p += is_name ? 2 : 1;
	}
}

static void
dead_letter_put(struct dead_letter *letter, const char *name, struct slice value)
{
	letter->argv[letter->n++] = slice_of(name);
	letter->argv[letter->n++] = value;
}

static void
dead_letter_put_number(struct dead_letter *letter, const char *name, int64_t value)
{
	char *text = letter->numbers[letter->n_numbers++];
	size_t len = 0;

	if (value < 0)
		text[len++] = '-';
	len += num_put_u64(text + len, value < 0 ? -(uint64_t)value : (uint64_t)value);
	dead_letter_put(letter, name, (struct slice){ (const uint8_t *)text, len });
}

static void
dead_letter_put_history(struct dead_letter *letter, const struct pending_history *history)
{
	static const char *const causes[PENDING_CAUSES] = { "failed", "timed-out", "died", "released" };
	static const char *const names[PENDING_CAUSES] = { DEAD_PREFIX "failed", DEAD_PREFIX "timed-out",
		                                           DEAD_PREFIX "died", DEAD_PREFIX "released" };
	const char *cause = !history ? "" : history->is_fatal ? "fatal" : causes[history->cause];

	dead_letter_put(letter, DEAD_PREFIX "cause", slice_of(cause));
	for (size_t i = 0; i < PENDING_CAUSES; i++)
		dead_letter_put_number(letter, names[i], history ? (int64_t)history->ended[i] : 0);
	if (history && history->has_status)
		dead_letter_put_number(letter, DEAD_PREFIX "status", history->status);
	if (history && history->text_len > 0)
		dead_letter_put(letter, DEAD_PREFIX "text", (struct slice){ history->text, history->text_len });
}

/* The fields of the entry but for those of an earlier dead letter. has_sender: one says who has added it. */
static void
dead_letter_copy(struct dead_letter *letter, struct stream_entry *entry, bool has_sender)
{
	static const struct slice prefix = { (const uint8_t *)DEAD_PREFIX, sizeof(DEAD_PREFIX) - 1 };

	for (size_t i = 0; i < entry->n_fields; i++) {
		struct slice name = stream_entry_next(entry), value = stream_entry_next(entry);

		if (name.len < prefix.len || !slice_is(prefix, name.p) || (has_sender && stream_rule_is_sender(name))) {
			letter->argv[letter->n++] = name;
			letter->argv[letter->n++] = value;
		} else if (name.len == sizeof(DEAD_PREFIX "time") - 1 &&
		           slice_is(name, (const uint8_t *)DEAD_PREFIX "time")) {
			letter->time = value;
		}
	}
}

/* What was given back as fatal while the group had no dead-letter stream has a number as in Redis. */
static uint64_t
dead_letter_deliveries(const struct stream_pending *pending)
{
	const struct pending_history *history = pending->history;

	if (pending->deliveries < INT64_MAX || !history)
		return pending->deliveries;
	return history->ended[PENDING_FAILED] + history->ended[PENDING_TIMED_OUT] + history->ended[PENDING_DIED];
}

static void
dead_letter_describe(struct dead_letter *letter, const struct stream_group *group, const struct stream_pending *pending,
                     const struct stream_consumer *consumer)
{
	const struct stream *stream = group->stream;

	dead_letter_put(letter, DEAD_PREFIX "stream", (struct slice){ stream->name, stream->name_len });
	dead_letter_put(letter, DEAD_PREFIX "group", (struct slice){ group->name, group->name_len });
	dead_letter_put(letter, DEAD_PREFIX "id",
	                (struct slice){ (uint8_t *)letter->id, stream_id_format(letter->id, pending->id) });
	if (letter->time.len > 0)
		dead_letter_put(letter, DEAD_PREFIX "time", letter->time);
	else
		dead_letter_put_number(letter, DEAD_PREFIX "time", (int64_t)pending->id.ms);
	dead_letter_put(letter, DEAD_PREFIX "consumer",
	                consumer ? (struct slice){ consumer->name, consumer->name_len } : (struct slice){ NULL, 0 });
	dead_letter_put_number(letter, DEAD_PREFIX "deliveries", (int64_t)dead_letter_deliveries(pending));
	dead_letter_put_history(letter, pending->history);
}

/* Finds or makes the stream. Returns NULL, and why in *ret_reason. */
static struct stream *
dead_letter_open(struct streams *streams, const struct stream *stream, const struct stream_delivery *delivery,
                 struct dead_letter_name *name, const char **ret_reason)
{
	struct slice key = { name->name, 0 };
	struct stream *to;
	int r = 0;

	dead_letter_get_name(stream, delivery, name);
	key.len = name->len;
	*ret_reason = "no stream can have its name";
	if (key.len == 0 || protocol_is_reserved(key))
		return NULL;
	*ret_reason = "it is the stream itself"; /* which must not be looked for: it may have expired */
	if (key.len == stream->name_len && slice_is(key, stream->name))
		return NULL;
	to = streams_find(streams, key);
	*ret_reason = streams_refusal(streams, to ? to->uid : stream->uid);
	if (!*ret_reason && to)
		*ret_reason = stream_retain_refusal(streams, to);
	if (*ret_reason)
		return NULL;
	to = streams_get(streams, key, stream->uid, &r);
	if (!to)
		*ret_reason = r == -ENFILE ? "there are too many streams (max_streams)" : strerror(-r);
	return to;
}

/* Adds the letter. Returns NULL, or why it cannot. */
static const char *
dead_letter_append(struct streams *streams, struct stream *to, const struct dead_letter *letter)
{
	struct stream_id id;

	for (size_t i = 0; i < letter->n; i++)
		streams->flow->work.done += 4 + WORK_BYTES(letter->argv[i].len);
	if (!stream_next_id(to, streams_now_ms(streams), &id))
		return "its IDs are exhausted";
	if (stream_append(streams, to, id, (struct stream_fields){ letter->argv, letter->n / 2 }) < 0)
		return strerror(ENOMEM);
	return NULL;
}

/* The group does not need the entry any more. One that is worked off (UDSD GROUP) keeps nothing that no group needs. */
static void
dead_letter_end(struct streams *streams, struct stream_group *group, struct stream_id id, bool is_work)
{
	struct stream *stream = group->stream;

	group_acknowledge(streams, group, id);
	streams->flow->work.done += is_work ? stream->n_groups * (uint64_t)WORK_LOOKUP : 0;
	if (is_work && !group_any_needs(stream, id))
		stream_delete(streams, stream, id);
	streams->dead++;
	stream->dead++;
	blocked_wake_next(streams, stream, group->no);
}

/* Returns NULL when the entry has gone to the stream, or why it cannot. */
static const char *
dead_letter_send(struct streams *streams, struct stream_group *group, struct stream_pending *pending,
                 struct stream_entry *entry, struct dead_letter_name *name)
{
	const struct stream_delivery *delivery = group_delivery(streams, group->stream, group->values);
	const struct stream_consumer *consumer = pending->consumer;
	struct dead_letter letter = { 0 };
	const char *reason;
	struct stream *to = dead_letter_open(streams, group->stream, delivery, name, &reason);

	if (!to)
		return reason;
	if (!consumer && pending->history)
		consumer = group_find_consumer_no(group, pending->history->consumer);
	letter.argv = reallocarray(NULL, 2 * (entry->n_fields + DEAD_FIELDS), sizeof(*letter.argv));
	reason = letter.argv ? NULL : strerror(ENOMEM);
	if (!reason) {
		dead_letter_copy(&letter, entry, stream_rule(streams, group->stream)->sender);
		dead_letter_describe(&letter, group, pending, consumer);
		reason = dead_letter_append(streams, to, &letter);
	}
	free(letter.argv);
	if (reason && to->added == 0 && to->n_groups == 0)
		streams_delete(streams, to);
	if (reason)
		return reason;
	blocked_wake(streams, to);
	dead_letter_end(streams, group, pending->id, delivery->is_own);
	return NULL;
}

/* Tries one entry, which is doomed. Returns ENTRY: it has gone, or is not pending any more; or COLD or ERROR. */
static enum stream_step
dead_letter_try(struct streams *streams, struct stream_group *group, struct stream_id id)
{
	struct stream_pending *pending = pending_find(&group->pending, id);
	struct dead_letter_name name = { 0 };
	struct stream_entry entry;
	enum stream_step step;
	const char *reason = "the entry cannot be read";

	streams->flow->work.done += 4 * WORK_LOOKUP;
	step = stream_find(streams, group->stream, id, &entry);
	if (step == STREAM_COLD) {
		streams->doomed_is_cold = true;
		return step;
	}
	if (step == STREAM_END) { /* it was deleted */
		group_acknowledge(streams, group, id);
		return STREAM_ENTRY;
	}
	if (step == STREAM_ENTRY)
		reason = dead_letter_send(streams, group, pending, &entry, &name);
	if (!reason)
		return STREAM_ENTRY;
	if (log_limit_allows(&streams->doomed_log, DEAD_LOG_LINES, DEAD_LOG_MS, streams->flow->now_ms, NULL))
		log_error("an entry of stream '%s' cannot go to its dead-letter stream: %s; it stays pending",
		          stream_name_text(group->stream).text, streams_refusal_reason(reason));
	return STREAM_ERROR;
}

void
dead_letters_try(struct streams *streams, struct stream_group *group, struct stream_id id)
{
	if (group->handouts && group->handouts->doomed.n_entries > 0 && pending_find(&group->handouts->doomed, id))
		dead_letter_try(streams, group, id);
}

bool
dead_letters_instead(struct streams *streams, struct stream_group *group, struct stream_id id)
{
	struct stream_pending *pending = pending_find(&group->pending, id);

	if (!pending || !group_doom(streams, group, pending))
		return false;
	dead_letters_try(streams, group, id);
	return true;
}

/* Sends off the entries of one group until one has to wait. Returns whether one has. */
static bool
dead_letters_send_group(struct streams *streams, struct handouts *handouts, uint64_t work_end)
{
	struct stream_group *group = group_find_no(handouts->stream, handouts->group);
	const struct stream_pending *first;

	streams->flow->work.done += handouts->stream->n_groups * WORK_VISIT;
	while (streams->flow->work.done < work_end && (first = pending_first(&handouts->doomed)))
		if (dead_letter_try(streams, group, first->id) != STREAM_ENTRY)
			return true;
	return false;
}

void
dead_letters_advance(struct streams *streams, uint64_t work_end)
{
	const struct handouts *first_waiting = NULL;
	struct handouts *handouts;

	if (TAILQ_EMPTY(&streams->handouts_doomed) || (!streams->doomed_is_cold && !dead_letters_have_work(streams)))
		return;
	streams->doomed_is_cold = false;
	streams->doomed_retry_us = 0;
	while ((handouts = TAILQ_FIRST(&streams->handouts_doomed)) && handouts != first_waiting) {
		bool must_wait = dead_letters_send_group(streams, handouts, work_end);

		if (streams->flow->work.done >= work_end)
			return;
		if (!must_wait)
			continue;
		first_waiting = first_waiting ? first_waiting : handouts;
		TAILQ_REMOVE(&streams->handouts_doomed, handouts, doomed_link);
		TAILQ_INSERT_TAIL(&streams->handouts_doomed, handouts, doomed_link);
	}
	if (handouts)
		streams->doomed_retry_us = streams_now_us() + DEAD_RETRY_US;
}

bool
dead_letters_have_work(const struct streams *streams)
{
	return !TAILQ_EMPTY(&streams->handouts_doomed) && !streams->is_dead &&
	       (streams->doomed_retry_us == 0 || streams_now_us() >= streams->doomed_retry_us);
}

uint64_t
dead_letters_next_deadline(const struct streams *streams)
{
	return TAILQ_EMPTY(&streams->handouts_doomed) || streams->doomed_retry_us == 0 ? UINT64_MAX
	                                                                               : streams->doomed_retry_us;
}
