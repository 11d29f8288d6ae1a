/*
 * The operations that concern several modules, in the order that they need. Whatever changes who receives a message, or
 * in which form, first closes the open batch: its messages are for those who were receivers when they were published.
 * The module subscriptions cannot do that itself, since batches stand above it.
 */
#include "bus.h"

#include <assert.h>
#include <unistd.h>

#include "output.h"
#include "output-limit.h"
#include "stream-rule.h"

int
bus_init(struct bus *bus, const struct limits *limits)
{
	int r;

	*bus = (struct bus){ .access.own_uid = geteuid() };
	flow_init(&bus->flow, limits);
	missed_init(&bus->missed, &bus->flow);
	replays_init(&bus->replays, &bus->flow);
	r = subscriptions_init(&bus->subscriptions, &bus->flow, &bus->replays, &bus->access);
	if (r < 0)
		return r;
	bus->replays.key = bus->subscriptions.channels.key;
	batch_init(&bus->batch, &bus->flow, &bus->subscriptions.channels.routing, &bus->missed, &bus->replays);
	taps_init(&bus->taps, &bus->flow, &bus->missed);
	services_init(&bus->services, &bus->flow);
	return 0;
}

void
bus_deinit(struct bus *bus)
{
	assert(bus->taps.n == 0);
	if (bus->is_checking_rules)
		channels_end_walk(&bus->rules_walk);
	batch_close(&bus->batch);
	services_deinit(&bus->services);
	subscriptions_deinit(&bus->subscriptions);
	replays_deinit(&bus->replays);
	batch_deinit(&bus->batch);
	flow_deinit(&bus->flow);
}

int
bus_subscribe(struct bus *bus, struct client *c, enum subscription_kind kind, struct slice name)
{
	batch_close(&bus->batch);
	return subscriptions_add(&bus->subscriptions, c, kind, name);
}

bool
bus_unsubscribe(struct bus *bus, struct client *c, enum subscription_kind kind, struct slice name)
{
	struct subscription *sub = subscriptions_find(&bus->subscriptions, c, kind, name);

	if (!sub)
		return false;
	batch_close(&bus->batch);
	subscriptions_remove(&bus->subscriptions, sub);
	return true;
}

bool
bus_leave_until(struct bus *bus, struct client *c, uint64_t end)
{
	struct subscription *sub;

	if (!client_is_subscribed(c))
		return true;
	if (bus->flow.is_wide && end != UINT64_MAX)
		return false; /* who receives the message that is delivered must not change */
	batch_close(&bus->batch);
	while ((sub = LIST_FIRST(&c->subscriptions)) && bus->flow.work.done < end)
		subscriptions_remove(&bus->subscriptions, sub);
	return !sub;
}

void
bus_set_encoding(struct bus *bus, struct client *c, enum encoding encoding)
{
	if (c->encoding == encoding)
		return;
	batch_close(&bus->batch);
	output_pin(&bus->flow, c); /* its next messages come behind the reply that says so */
	subscriptions_set_encoding(&bus->subscriptions, c, encoding);
}

void
bus_finish(struct bus *bus, struct client *c)
{
	bool has_left = bus_leave_until(bus, c, bus->flow.work.done + WORK_TURN);

	taps_leave(&bus->taps, c);
	flow_set_state(&bus->flow, c, CLIENT_CLOSING, has_left ? NULL : &bus->flow.leaving);
	services_leave(&bus->services, c);
	if (c->out_state == CLIENT_OUT_IDLE)
		flow_set_out_state(&bus->flow, c, CLIENT_OUT_REPLIER);
}

void
bus_kill(struct bus *bus, struct client *c)
{
	bus_leave_until(bus, c, bus->flow.work.done + WORK_TURN);
	flow_mark_dead(&bus->flow, c);
}

void
bus_stop_output(struct bus *bus, struct client *c)
{
	bus_leave_until(bus, c, UINT64_MAX);
	output_stop(&bus->flow, c);
}

void
bus_dismiss(struct bus *bus, struct client *c)
{
	flow_set_state(&bus->flow, c, CLIENT_DEAD, NULL);
	if (c == bus->flow.executing)
		bus_end_exec(bus);
	taps_leave(&bus->taps, c);
	services_forget(&bus->services, c);
	bus_stop_output(bus, c);
	missed_forget(&bus->missed, c);
	flow_dismiss(&bus->flow, c);
}

void
bus_set_limits(struct bus *bus, const struct limits *limits)
{
	batch_close(&bus->batch); /* its replies counted the receivers by the old limits */
	bus->flow.limits = *limits;
	output_limit_check_all(&bus->flow);
}

/* Disconnects the clients that are subscribed to the channel by name and may not receive it by the present rules. */
static void
bus_check_channel(struct bus *bus, struct channel *channel)
{
	const struct access_rule *rule = access_find(bus->access.rules, channel_name(channel));
	const struct recvset *set = &channel->receivers;

	bus->flow.work.done += bus->access.n_rules * WORK_VISIT + set->n * (uint64_t)WORK_VISIT;
	for (uint32_t i = 0; rule->subscribe.is_given && i < set->n; i++) {
		struct client *c = recvset_array(set)[i];

		if (c->state == CLIENT_DEAD || access_list_admits(&rule->subscribe, &c->identity))
			continue;
		flow_log(&bus->flow, c, LOG_LEVEL_INFO, "may not receive one of its channels any more, disconnected");
		flow_mark_dead(&bus->flow, c); /* closing it ends its subscriptions, which may take long */
	}
}

void
bus_check_rules(struct bus *bus)
{
	uint64_t end = bus->flow.work.done + WORK_OUTPUT;
	struct channel *channel;

	if (!bus->is_checking_rules)
		return;
	while (bus->flow.work.done < end) {
		channel = channels_walk(&bus->subscriptions.channels, &bus->rules_walk);
		if (channel) {
			bus_check_channel(bus, channel);
			continue;
		}
		channels_end_walk(&bus->rules_walk);
		bus->is_checking_rules = false;
		return;
	}
}

void
bus_set_rules(struct bus *bus, const struct access_rules *rules)
{
	const struct access_rule *rule;

	batch_close(&bus->batch);
	bus->access.rules = rules;
	bus->access.n_rules = 0;
	if (rules)
		STAILQ_FOREACH(rule, rules, link)
			bus->access.n_rules++;
	bus->subscriptions.channels.routing.members_generation++;
	if (bus->is_checking_rules)
		channels_end_walk(&bus->rules_walk);
	channels_begin_walk(&bus->subscriptions.channels, &bus->rules_walk);
	bus->is_checking_rules = true;
	bus_check_rules(bus);
	subscriptions_wake_waiters(&bus->subscriptions);
	flow_resume_throttled(&bus->flow);
}

void
bus_set_streams(struct bus *bus, struct streams *streams, const struct stream_rules *rules)
{
	batch_close(&bus->batch);
	bus->streams = streams;
	bus->access.stored = streams && stream_rules_publish(rules) ? rules : NULL;
	bus->subscriptions.channels.routing.members_generation++;
}

bool
bus_deliver_deferred(struct bus *bus, uint64_t end)
{
	batch_close(&bus->batch);
	if (bus->flow.executing->has_missed)
		missed_report(&bus->missed, bus->flow.executing);
	return output_deliver_deferred(&bus->flow, end);
}

void
bus_end_exec(struct bus *bus)
{
	struct client *c = bus->flow.executing;

	bus_deliver_deferred(bus, UINT64_MAX);
	flow_set_executing(&bus->flow, NULL);
	if (c->out.count > 0 && c->out_state == CLIENT_OUT_IDLE)
		flow_set_out_state(&bus->flow, c, CLIENT_OUT_REPLIER);
	while ((c = TAILQ_FIRST(&bus->flow.excluded))) {
		bus->flow.work.done += WORK_VISIT;
		flow_resume(&bus->flow, c);
	}
}
