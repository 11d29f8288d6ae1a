#include "ledger.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "glob.h"
#include "resp-reply.h"
#include "subscriptions.h"

#define PAYLOAD_MAX ((size_t)1024 * 1024)

#define check(ledger, condition, ...)                                                                                  \
	do {                                                                                                           \
		if (!(condition))                                                                                      \
			fail_check(ledger, #condition, __VA_ARGS__);                                                   \
	} while (0)

static void __attribute__((format(printf, 3, 4)))
fail_check(const struct ledger *ledger, const char *condition, const char *format, ...)
{
	char text[512];
	va_list ap;

	va_start(ap, format);
	vsnprintf(text, sizeof(text), format, ap);
	va_end(ap);
	fail_msg("%s: %s does not hold: %s", ledger->context, condition, text);
}

static size_t
index_of(const struct actor *actor)
{
	size_t i = 0;

	while (actor->ledger->actors[i] != actor)
		i++;
	return i;
}

static enum slow_policy
policy_of(const struct message *message)
{
	return message->channel[0] == 'd' ? SLOW_DROP : message->channel[0] == 'k' ? SLOW_DISCONNECT : SLOW_WAIT;
}

bool
actor_is_alive(const struct actor *actor)
{
	return !actor->peer->is_closed && client_is_live(&actor->peer->session.client);
}

static bool
covers(const struct actor *actor, const struct enrolment *e, const struct message *message)
{
	const char *name = e->name, *channel = message->channel;

	if (message->is_shard != (e->kind == SUBSCRIPTION_SHARD) || (channel[0] == 'r' && actor->uid != 1001))
		return false;
	if (e->kind == SUBSCRIPTION_PATTERN)
		return glob_match((const uint8_t *)name, strlen(name), (const uint8_t *)channel, strlen(channel));
	return strcmp(name, channel) == 0;
}

/* Whether the actor was subscribed when the message was sent, and is still there to get it. */
static bool
is_owed(const struct actor *actor, const struct enrolment *e, const struct message *message)
{
	return actor_is_alive(actor) && e->since > 0 && e->since < message->sent && !e->ends &&
	       covers(actor, e, message);
}

static void
check_answered(struct ledger *ledger, const struct message *message, bool at_end)
{
	int id = (int)(message - ledger->messages);

	check(ledger, message->copies <= message->count, "message %d on %s: %u copies, answered %lld", id,
	      message->channel, message->copies, (long long)message->count);
	for (size_t i = 0; i < ledger->n_actors; i++) {
		struct actor *actor = ledger->actors[i];
		bool is_own = actor == message->publisher;

		if (!at_end && (policy_of(message) != SLOW_WAIT || is_own || actor->peer->fds[0] >= 0))
			continue;
		if (policy_of(message) == SLOW_DROP)
			continue;
		for (size_t k = 0; k < actor->n_enrolments; k++)
			if (is_owed(actor, &actor->enrolments[k], message))
				check(ledger, actor->enrolments[k].got[id] == 1,
				      "actor %zu did not get message %d on %s through %s, which was answered %lld", i,
				      id, message->channel, actor->enrolments[k].name, (long long)message->count);
	}
}

static void
note_refused(struct ledger *ledger, int id)
{
	struct message *message = &ledger->messages[id];

	check(ledger, message->state == MESSAGE_SENT, "message %d", id);
	message->state = MESSAGE_REFUSED;
	check(ledger, message->copies == 0, "message %d was delivered and refused", id);
}

static void
note_answer(struct ledger *ledger, int id, const struct resp_node *node)
{
	struct message *message = &ledger->messages[id];

	if (node->type == RESP_ERROR) {
		note_refused(ledger, id);
		return;
	}
	check(ledger, node->type == RESP_INTEGER, "message %d was answered with a %c", id, node->type);
	check(ledger, message->state == MESSAGE_SENT, "message %d was answered twice", id);
	message->state = MESSAGE_ANSWERED;
	message->count = node->integer;
	check_answered(ledger, message, false);
}

static void
note_exec(struct actor *actor, const struct resp_node *node)
{
	size_t child = 1; /* node is the first of its frame */

	check(actor->ledger, node->type == RESP_ERROR || node->elements == actor->n_queued, "EXEC answered %zu for %zu",
	      node->elements, actor->n_queued);
	for (size_t i = 0; i < actor->n_queued; i++) {
		int id = actor->queued[i];

		if (id >= 0 && node->type == RESP_ERROR)
			note_refused(actor->ledger, id);
		else if (id >= 0)
			note_answer(actor->ledger, id, &node[child]);
		if (node->type != RESP_ERROR)
			child = node[child].end;
	}
	actor->n_queued = 0;
}

static uint8_t
filler(size_t id, size_t i)
{
	return (uint8_t)(id * 7 + i);
}

static void
check_payload(struct ledger *ledger, int id, struct slice payload)
{
	const struct message *message = &ledger->messages[id];

	check(ledger, payload.len == message->len, "message %d of %zu bytes came with %zu", id, message->len,
	      payload.len);
	for (size_t i = 8; i < payload.len; i++)
		if (payload.p[i] != filler((size_t)id, i))
			fail_check(ledger, "the payload is right", "message %d, byte %zu", id, i);
}

static struct enrolment *
find_enrolment(struct actor *actor, enum subscription_kind kind, struct slice name)
{
	for (size_t i = 0; i < actor->n_enrolments; i++)
		if (actor->enrolments[i].kind == kind && strlen(actor->enrolments[i].name) == name.len &&
		    memcmp(actor->enrolments[i].name, name.p, name.len) == 0)
			return &actor->enrolments[i];
	fail_check(actor->ledger, "it is subscribed", "a message of '%.*s'", (int)name.len, (const char *)name.p);
	return NULL;
}

static void
note_message(struct actor *actor, enum subscription_kind kind, struct slice topic, struct slice payload)
{
	struct ledger *ledger = actor->ledger;
	struct enrolment *e = find_enrolment(actor, kind, topic);
	char digits[9] = { 0 };
	struct message *message;
	size_t from;
	int id;

	check(ledger, payload.len >= 8, "%zu bytes", payload.len);
	memcpy(digits, payload.p, 8);
	id = (int)strtol(digits, NULL, 16);
	check(ledger, (size_t)id < ledger->n_messages, "message %d", id);
	message = &ledger->messages[id];
	check_payload(ledger, id, payload);
	check(ledger, covers(actor, e, message), "message %d on %s came through %s", id, message->channel, e->name);
	check(ledger, e->got[id] == 0, "message %d on %s came twice to actor %zu", id, message->channel,
	      index_of(actor));
	check(ledger, message->state != MESSAGE_REFUSED, "message %d was refused and delivered", id);
	e->got[id] = 1;
	message->copies++;
	from = index_of(message->publisher);
	check(ledger, actor->last[from] <= id, "message %d came behind %d", id, actor->last[from]);
	actor->last[from] = id;
}

static bool
is_pushed(const struct resp_node *nodes, const char *word, size_t elements)
{
	return (nodes->type == RESP_ARRAY || nodes->type == RESP_PUSH) && nodes->elements == elements &&
	       resp_node_is(&nodes[1], word);
}

/* Returns whether the frame is a message and no answer. */
static bool
note_push(struct actor *actor, const struct resp_node *nodes)
{
	if (actor->is_monitor && nodes->type == RESP_SIMPLE && nodes->text.p[0] >= '0' && nodes->text.p[0] <= '9')
		return true;
	if (is_pushed(nodes, "message", 3) && resp_node_is(&nodes[2], PROTOCOL_MISSED)) {
		char number[24] = { 0 };

		memcpy(number, nodes[3].text.p, nodes[3].text.len < 23 ? nodes[3].text.len : 23);
		actor->missed += strtoull(number, NULL, 10);
		return true;
	}
	if (is_pushed(nodes, "message", 3))
		note_message(actor, SUBSCRIPTION_CHANNEL, nodes[2].text, nodes[3].text);
	else if (is_pushed(nodes, "smessage", 3))
		note_message(actor, SUBSCRIPTION_SHARD, nodes[2].text, nodes[3].text);
	else if (is_pushed(nodes, "pmessage", 4))
		note_message(actor, SUBSCRIPTION_PATTERN, nodes[2].text, nodes[4].text);
	else
		return false;
	return true;
}

static void
note_reply(struct actor *actor, const struct resp_node *node)
{
	struct ledger *ledger = actor->ledger;
	const struct expected *expected = &actor->expected[actor->expected_at];

	check(ledger, actor->expected_at < actor->n_expected, "actor %zu got an answer too many: %c%.*s",
	      index_of(actor), node->type, (int)node->text.len, (const char *)node->text.p);
	actor->expected_at++;
	switch (expected->kind) {
	case EXPECT_ANY:
		break;
	case EXPECT_ANSWER:
		note_answer(ledger, expected->which, node);
		break;
	case EXPECT_CONFIRMATION:
		if (node->type != RESP_ERROR)
			actor->enrolments[expected->which].since = ++ledger->clock;
		break;
	case EXPECT_MULTI:
		actor->n_queued = 0;
		break;
	case EXPECT_QUEUED:
		if (resp_node_is(node, "QUEUED"))
			actor->queued[actor->n_queued++] = expected->which;
		else if (expected->which >= 0)
			note_answer(ledger, expected->which, node);
		break;
	case EXPECT_EXEC:
		note_exec(actor, node);
		break;
	}
}

static void
parse(struct actor *actor)
{
	struct resp_reply reply = { 0 };
	const struct buf *got = &actor->peer->got;

	while (actor->parsed < got->len) {
		enum resp_reply_status status =
		    resp_reply_parse(&reply, got->data + actor->parsed, got->len - actor->parsed, PAYLOAD_MAX);

		if (status == RESP_REPLY_MORE)
			break;
		check(actor->ledger, status == RESP_REPLY_OK, "actor %zu: %s", index_of(actor), reply.error);
		actor->parsed += reply.used;
		if (!note_push(actor, reply.nodes))
			note_reply(actor, reply.nodes);
	}
	resp_reply_deinit(&reply);
}

static void
on_written(struct peer *peer)
{
	struct ledger *ledger = (struct ledger *)peer->hub; /* its first member */

	for (size_t i = 0; i < ledger->n_actors; i++)
		if (ledger->actors[i]->peer == peer)
			parse(ledger->actors[i]);
}

void
ledger_init(struct ledger *ledger, enum hub_reading reading)
{
	memset(ledger, 0, sizeof(*ledger));
	hub_init(&ledger->hub, reading, 1);
	ledger->hub.on_written = on_written;
	ledger->hub.may_refuse = true;
	STAILQ_INIT(&ledger->rules);
	rules_add(&ledger->rules, "d*", NULL, NULL, SLOW_DROP);
	rules_add(&ledger->rules, "k*", NULL, NULL, SLOW_DISCONNECT);
	rules_add(&ledger->rules, "r*", NULL, "uid:1001", SLOW_WAIT);
	bus_set_rules(&ledger->hub.bus, &ledger->rules);
}

void
ledger_deinit(struct ledger *ledger)
{

	hub_deinit(&ledger->hub);
	rules_clear(&ledger->rules);
	for (size_t i = 0; i < ledger->n_actors; i++)
		free(ledger->actors[i]);
}

/* Where the policy is to drop: each message has arrived or was reported as missed. */
static void
check_missed(struct ledger *ledger, struct actor *actor)
{
	uint64_t owed = 0, most = 0, got = 0;
	unsigned int told_since = 0;

	for (size_t k = 0; k < actor->n_enrolments; k++)
		if (strcmp(actor->enrolments[k].name, PROTOCOL_MISSED) == 0)
			told_since = actor->enrolments[k].since;
	for (size_t k = 0; k < actor->n_enrolments; k++)
		for (size_t id = 0; id < ledger->n_messages; id++) {
			const struct message *message = &ledger->messages[id];
			const struct enrolment *e = &actor->enrolments[k];

			if (policy_of(message) != SLOW_DROP || !covers(actor, e, message))
				continue;
			owed += message->state == MESSAGE_ANSWERED && message->sent > told_since &&
			        is_owed(actor, e, message);
			most += message->state != MESSAGE_REFUSED;
			got += e->got[id];
		}
	if (!actor_is_alive(actor) || told_since == 0)
		return;
	check(ledger, owed <= got + actor->missed && got + actor->missed <= most,
	      "actor %zu: %llu owed, %llu got, %llu missed, at most %llu", index_of(actor), (unsigned long long)owed,
	      (unsigned long long)got, (unsigned long long)actor->missed, (unsigned long long)most);
}

void
ledger_drain(struct ledger *ledger)
{
	size_t n;

	do {
		n = 0;
		hub_settle(&ledger->hub);
		for (size_t i = 0; i < ledger->n_actors; i++) {
			struct peer *peer = ledger->actors[i]->peer;

			peer_set_full(peer, false);
			if (peer->fds[0] < 0)
				continue;
			n += peer_take(peer, SIZE_MAX);
			parse(ledger->actors[i]);
		}
	} while (n > 0);
	hub_settle(&ledger->hub);
}

void
ledger_settle(struct ledger *ledger)
{
	ledger_drain(ledger);
	for (size_t i = 0; i < ledger->n_actors; i++) {
		struct actor *actor = ledger->actors[i];

		if (!actor_is_alive(actor))
			continue;
		check(ledger, actor->expected_at == actor->n_expected, "actor %zu waits for %zu answers", i,
		      actor->n_expected - actor->expected_at);
		check(ledger, actor->parsed == actor->peer->got.len, "actor %zu got half a frame", i);
		check(ledger, actor->peer->session.client.out.count == 0, "actor %zu", i);
		check_missed(ledger, actor);
	}
	for (size_t id = 0; id < ledger->n_messages; id++)
		if (ledger->messages[id].state == MESSAGE_ANSWERED)
			check_answered(ledger, &ledger->messages[id], true);
}

struct actor *
actor_new(struct ledger *ledger, pid_t pid, uid_t uid)
{
	struct actor *actor = calloc(1, sizeof(*actor));

	assert_non_null(actor);
	assert_true(ledger->n_actors < LEDGER_ACTORS);
	actor->ledger = ledger;
	actor->uid = uid;
	for (size_t i = 0; i < LEDGER_ACTORS; i++)
		actor->last[i] = -1;
	actor->peer = peer_new_as(&ledger->hub, &(struct identity){ .pid = pid, .uid = uid, .gid = uid });
	ledger->actors[ledger->n_actors++] = actor;
	return actor;
}

static void
expect(struct actor *actor, enum expected_kind kind, int which)
{
	assert_true(actor->n_expected < LEDGER_EXPECTED);
	actor->expected[actor->n_expected++] = (struct expected){ kind, which };
}

void
actor_say(struct actor *actor, const char *text, size_t answers)
{
	for (size_t i = 0; i < answers; i++)
		expect(actor, EXPECT_ANY, -1);
	peer_say(actor->peer, text);
}

static void
publish(struct actor *actor, const char *verb, const char *channel, size_t len, enum expected_kind kind)
{
	struct ledger *ledger = actor->ledger;
	size_t id = ledger->n_messages++;
	struct message *message = &ledger->messages[id];
	uint8_t *payload = malloc(len + 9);
	struct slice argv[] = { slice_of(verb), slice_of(channel), { payload, len } };
	char digits[17];

	assert_true(id < LEDGER_MESSAGES && len >= 8 && len <= PAYLOAD_MAX);
	assert_non_null(payload);
	*message = (struct message){
		.publisher = actor,
		.is_shard = verb[0] == 's',
		.len = len,
		.sent = ++ledger->clock,
	};
	snprintf(message->channel, sizeof(message->channel), "%s", channel);
	snprintf(digits, sizeof(digits), "%08zx", id);
	memcpy(payload, digits, 8);
	for (size_t i = 8; i < len; i++)
		payload[i] = filler(id, i);
	expect(actor, kind, (int)id);
	peer_send_command(actor->peer, argv, 3);
	free(payload);
}

void
actor_publish(struct actor *actor, const char *channel, size_t len)
{
	publish(actor, "publish", channel, len, EXPECT_ANSWER);
}

void
actor_spublish(struct actor *actor, const char *channel, size_t len)
{
	publish(actor, "spublish", channel, len, EXPECT_ANSWER);
}

void
actor_queue_publish(struct actor *actor, const char *channel, size_t len)
{
	publish(actor, "publish", channel, len, EXPECT_QUEUED);
}

void
actor_subscribe(struct actor *actor, enum subscription_kind kind, const char *name)
{
	static const char *const verbs[] = { "subscribe", "psubscribe", "ssubscribe" };
	struct slice argv[] = { slice_of(verbs[kind]), slice_of(name) };
	struct enrolment *e = &actor->enrolments[actor->n_enrolments];

	assert_true(actor->n_enrolments < LEDGER_SUBSCRIPTIONS);
	e->kind = kind;
	snprintf(e->name, sizeof(e->name), "%s", name);
	expect(actor, EXPECT_CONFIRMATION, (int)actor->n_enrolments++);
	peer_send_command(actor->peer, argv, 2);
}

void
actor_unsubscribe(struct actor *actor, size_t enrolment)
{
	static const char *const verbs[] = { "unsubscribe", "punsubscribe", "sunsubscribe" };
	struct enrolment *e = &actor->enrolments[enrolment];
	struct slice argv[] = { slice_of(verbs[e->kind]), slice_of(e->name) };

	e->ends = true;
	expect(actor, EXPECT_ANY, -1);
	peer_send_command(actor->peer, argv, 2);
}

void
actor_monitor(struct actor *actor)
{
	actor->is_monitor = true;
	actor_say(actor, "MONITOR\r\n", 1);
}

void
actor_multi(struct actor *actor)
{
	expect(actor, EXPECT_MULTI, -1);
	peer_say(actor->peer, "MULTI\r\n");
}

void
actor_queue(struct actor *actor, const char *text)
{
	expect(actor, EXPECT_QUEUED, -1);
	peer_say(actor->peer, text);
}

void
actor_exec(struct actor *actor)
{
	expect(actor, EXPECT_EXEC, -1);
	peer_say(actor->peer, "EXEC\r\n");
}

void
actor_take(struct actor *actor, size_t max)
{
	if (actor->peer->fds[0] >= 0 && !actor->peer->is_closed)
		peer_take(actor->peer, max);
	parse(actor);
}

void
actor_set_full(struct actor *actor, bool is_full)
{
	peer_set_full(actor->peer, is_full);
}

void
actor_break(struct actor *actor)
{
	if (!actor->peer->is_closed)
		peer_break(actor->peer);
}
