/* UDSD GROUP: what a group does by itself, and its own values, which stand before those of the configuration. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "answer.h"
#include "dead-letters.h"
#include "handlers.h"
#include "num.h"
#include "xgroup.h"

/* The names of values, in the order of enum group_value. */
static const char *const udsd_group_names[] = { "redeliver",   "retry_delay",      "max_deliveries",
	                                        "dead_letter", "consumer_timeout", "paused" };
#define UDSD_GROUP_NAMES (sizeof(udsd_group_names) / sizeof(udsd_group_names[0]))

static bool
udsd_group_refuse(struct bus *bus, struct session *s, const char *name, const char *why)
{
	reply_error(bus, s, "ERR %s: %s", name, why);
	return false;
}

/* A value as text that ends with a NUL. */
static bool
udsd_group_take_text(struct bus *bus, struct session *s, const char *name, struct slice value, char *text, size_t size)
{
	if (value.len >= size || memchr(value.p, '\0', value.len))
		return udsd_group_refuse(bus, s, name, value.len >= size ? "the value is too long" : "has a NUL byte");
	memcpy(text, value.p, value.len);
	text[value.len] = '\0';
	return true;
}

/* A duration: a number of ms, or as in the configuration. */
static bool
udsd_group_take_duration(struct bus *bus, struct session *s, const char *name, struct slice value, uint64_t *ret_ms)
{
	char text[32];
	uint64_t ms;

	if (!udsd_group_take_text(bus, s, name, value, text, sizeof(text)))
		return false;
	if (num_parse_u64(text, &ms) < 0 && num_parse_duration(text, &ms) < 0)
		return udsd_group_refuse(bus, s, name, "is not a duration (try 5s; units are ms, s, m, h and d)");
	if (ms > STREAM_DELAY_MAX_MS)
		return udsd_group_refuse(bus, s, name, "is out of range; expected up to 720h");
	*ret_ms = ms;
	return true;
}

static bool
udsd_group_take_number(struct bus *bus, struct session *s, const char *name, struct slice value, int64_t max,
                       uint64_t *ret_value)
{
	int64_t number;

	if (num_parse_resp(value.p, value.len, &number) != 0 || number < 0 || number > max)
		return udsd_group_refuse(bus, s, name, "is not a number, or out of range");
	*ret_value = (uint64_t)number;
	return true;
}

/* Who names another stream than the default must be allowed to add to it. */
static bool
udsd_group_take_dead_letter(struct bus *bus, struct session *s, const char *name, struct slice value,
                            const struct stream *stream, struct group_values *values)
{
	struct dead_letter_name expanded;

	if (!udsd_group_take_text(bus, s, name, value, values->own.dead_letter, sizeof(values->own.dead_letter)))
		return false;
	if (strcmp(values->own.dead_letter, STREAM_DEAD_LETTER) == 0)
		return true;
	dead_letter_get_name(stream, &values->own, &expanded);
	if (expanded.len == 0)
		return udsd_group_refuse(bus, s, name, "the name is too long");
	if (expanded.len == stream->name_len && memcmp(expanded.name, stream->name, expanded.len) == 0)
		return udsd_group_refuse(bus, s, name, "is the stream itself");
	return keyspace_require_key(bus, s, (struct slice){ expanded.name, expanded.len }, KEYSPACE_ADD);
}

/* One name and value; an empty value takes back what was set. */
static bool
udsd_group_take(struct bus *bus, struct session *s, struct slice word, struct slice value, const struct stream *stream,
                struct group_values *values)
{
	char text[STREAM_DELAYS_TEXT], error[160];
	uint64_t is_paused = 0;
	bool is_taken = true;
	const char *name;
	size_t i = 0;

	while (i < UDSD_GROUP_NAMES && !slice_is_word(word, udsd_group_names[i]))
		i++;
	if (i == UDSD_GROUP_NAMES) {
		reply_error(bus, s, "ERR a group has no value '%.*s'", COMMAND_SHOWN(word));
		return false;
	}
	name = udsd_group_names[i];
	values->set |= (uint64_t)1 << i;
	if (value.len == 0) {
		values->set &= ~((uint64_t)1 << i);
		values->is_paused = values->is_paused && 1 << i != GROUP_PAUSED;
		return true;
	}
	switch ((enum group_value)(1 << i)) {
	case GROUP_REDELIVER:
		return udsd_group_take_duration(bus, s, name, value, &values->own.redeliver_ms);
	case GROUP_CONSUMER_TIMEOUT:
		return udsd_group_take_duration(bus, s, name, value, &values->own.consumer_timeout_ms);
	case GROUP_MAX_DELIVERIES:
		return udsd_group_take_number(bus, s, name, value, STREAM_DELIVERIES_MAX, &values->own.max_deliveries);
	case GROUP_DEAD_LETTER:
		return udsd_group_take_dead_letter(bus, s, name, value, stream, values);
	case GROUP_PAUSED:
		is_taken = udsd_group_take_number(bus, s, name, value, 1, &is_paused);
		values->is_paused = is_paused;
		if (!is_paused)
			values->set &= ~(uint64_t)GROUP_PAUSED; /* as a group is that was never paused */
		return is_taken;
	case GROUP_RETRY_DELAY:
		if (!udsd_group_take_text(bus, s, name, value, text, sizeof(text)))
			return false;
		is_taken = stream_delays_parse(text, &values->own.retry_delay, error, sizeof(error)) == 0;
		return is_taken || udsd_group_refuse(bus, s, name, error);
	}
	return false;
}

static void
udsd_group_set(struct bus *bus, struct session *s, struct streams *streams, struct stream_group *group,
               const struct slice *argv, size_t argc)
{
	struct group_values values = { 0 };

	if (group->values)
		values = *group->values;
	for (size_t i = 5; i + 1 < argc; i += 2) {
		bus->flow.work.done += WORK_LOOKUP;
		if (!udsd_group_take(bus, s, argv[i], argv[i + 1], group->stream, &values))
			return;
	}
	/* Only the first value takes memory: a pause can always be ended. */
	if (!group->values && values.set != 0 && !xgroup_require_room(bus, s, streams, group->stream))
		return;
	if (group_set_values(streams, group, &values) < 0) {
		reply_error(bus, s, "ERR out of memory, nothing was set");
		return;
	}
	group_apply_rule(streams, group, false);
	keyspace_hold(bus, streams, group->stream);
	reply_status(bus, s, "OK");
	keyspace_release(bus);
}

static void
udsd_group_show(struct bus *bus, struct session *s, struct streams *streams, struct stream_group *group)
{
	const struct stream_delivery *delivery = group_delivery(streams, group->stream, group->values);
	char delays[STREAM_DELAYS_TEXT];
	struct dead_letter_name dead;
	struct answer answer;

	stream_delays_format(&delivery->retry_delay, delays);
	dead_letter_get_name(group->stream, delivery, &dead);
	answer_begin(&answer, bus, s);
	answer_map(&answer, UDSD_GROUP_NAMES);
	answer_text(&answer, "redeliver");
	answer_integer(&answer, (int64_t)delivery->redeliver_ms);
	answer_text(&answer, "retry_delay");
	answer_text(&answer, delays);
	answer_text(&answer, "max_deliveries");
	answer_integer(&answer, (int64_t)delivery->max_deliveries);
	answer_text(&answer, "dead_letter");
	answer_bulk(&answer, (struct slice){ dead.name, dead.len });
	answer_text(&answer, "consumer_timeout");
	answer_integer(&answer, (int64_t)delivery->consumer_timeout_ms);
	answer_text(&answer, "paused");
	answer_integer(&answer, group_is_paused(group));
	keyspace_hold(bus, streams, group->stream);
	answer_send(&answer);
	keyspace_release(bus);
}

enum command_result
cmd_udsd_group(struct bus *bus, struct session *s, const struct slice *argv, size_t argc)
{
	struct streams *streams = keyspace_open(bus, s, argv[2], KEYSPACE_READ);
	struct stream_group *group;

	if (!streams)
		return COMMAND_DONE;
	if (argc > 4 && (!slice_is_word(argv[4], "SET") || argc < 7 || argc % 2 == 0)) {
		reply_error(bus, s, "ERR UDSD GROUP takes SET and pairs of a name and a value");
		return COMMAND_DONE;
	}
	if (argc > 4 && keyspace_must_wait(bus, s, streams))
		return COMMAND_WAIT;
	group = xgroup_require(bus, s, streams, argv[2], argv[3]);
	if (!group)
		return COMMAND_DONE;
	if (argc > 4)
		udsd_group_set(bus, s, streams, group, argv, argc);
	else
		udsd_group_show(bus, s, streams, group);
	return COMMAND_DONE;
}
