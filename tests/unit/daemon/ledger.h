/*
 * A bus whose clients may be closed at any moment, and a ledger of what it owes them. Actors send commands; the ledger
 * records what they send, reads what they get, and compares the two:
 *
 * - An actor gets whole frames: one answer for each command; and messages as they were sent, in order, each at most
 * once for a subscription.
 * - When a publisher is answered, each receiver that was certainly subscribed and is still alive has the message (with
 *   policies drop and disconnect: at the end, it has the message, or a report that it missed it, or is closed).
 * - A message whose publisher got an error was delivered to nobody.
 */
#pragma once

#include "hub.h"

#define LEDGER_ACTORS 64
#define LEDGER_MESSAGES 192
#define LEDGER_SUBSCRIPTIONS 12 /* of an actor */
#define LEDGER_EXPECTED 192     /* of an actor */

enum message_state { MESSAGE_SENT, MESSAGE_ANSWERED, MESSAGE_REFUSED };

struct message {
	enum message_state state;
	const struct actor *publisher;
	char channel[16];
	bool is_shard;
	size_t len;
	unsigned int sent; /* when */
	int64_t count;     /* receivers, as answered */
	uint32_t copies;   /* that were received */
};

struct enrolment {
	enum subscription_kind kind;
	char name[16];
	unsigned int since; /* when it was confirmed; 0: was not */
	bool ends;          /* its end was asked for */
	uint8_t got[LEDGER_MESSAGES];
};

enum expected_kind { EXPECT_ANY, EXPECT_ANSWER, EXPECT_CONFIRMATION, EXPECT_MULTI, EXPECT_QUEUED, EXPECT_EXEC };

/* What an actor must get next, apart from messages. */
struct expected {
	enum expected_kind kind;
	int which; /* of the messages or enrolments; -1: none */
};

struct actor {
	struct peer *peer;
	uid_t uid;
	struct ledger *ledger;
	size_t parsed; /* bytes of what it got */
	struct enrolment enrolments[LEDGER_SUBSCRIPTIONS];
	size_t n_enrolments;
	struct expected expected[LEDGER_EXPECTED];
	size_t expected_at, n_expected;
	int queued[64]; /* between MULTI and EXEC: messages, or -1 */
	size_t n_queued;
	bool is_monitor;
	uint64_t missed;         /* messages, by the reports that it got */
	int last[LEDGER_ACTORS]; /* message that it got of each publisher; -1: none */
};

struct ledger {
	struct hub hub;
	struct access_rules rules;
	struct actor *actors[LEDGER_ACTORS];
	size_t n_actors;
	struct message messages[LEDGER_MESSAGES];
	size_t n_messages;
	unsigned int clock;
	char context[128]; /* for the message of a failure */
};

/*
 * Channels whose names begin with 'd' have policy drop, with 'k' policy disconnect; those with 'r' may be received by
 * uid 1001 only.
 */
void ledger_init(struct ledger *ledger, enum hub_reading reading);

/* Empties all sockets until nothing more comes. */
void ledger_drain(struct ledger *ledger);

/* Likewise; then checks that every command was answered and that every message has arrived where it should. */
void ledger_settle(struct ledger *ledger);
void ledger_deinit(struct ledger *ledger);

struct actor *actor_new(struct ledger *ledger, pid_t pid, uid_t uid);
bool actor_is_alive(const struct actor *actor);

/* Sends commands that get that many answers. */
void actor_say(struct actor *actor, const char *text, size_t answers);
void actor_publish(struct actor *actor, const char *channel, size_t len);
void actor_spublish(struct actor *actor, const char *channel, size_t len);
void actor_subscribe(struct actor *actor, enum subscription_kind kind, const char *name);
void actor_unsubscribe(struct actor *actor, size_t enrolment);
void actor_monitor(struct actor *actor);

void actor_multi(struct actor *actor);
void actor_queue_publish(struct actor *actor, const char *channel, size_t len);
void actor_queue(struct actor *actor, const char *text);
void actor_exec(struct actor *actor);

/* Its socket becomes full, or not; it reads from a small socket of its own; its connection breaks. */
void actor_set_full(struct actor *actor, bool is_full);
void actor_take(struct actor *actor, size_t max);
void actor_break(struct actor *actor);
