/* Services, as peers of a bus see them; and the figures and rules that they use. */
#include "hub.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "latencies.h"
#include "service-rule.h"
#include "services.h"

/* The request that a worker of root, or an anonymous one, has got, with this id and payload; the time left is not
 * known. */
static void
expect_request(struct peer *worker, unsigned int id, const char *service, const char *payload)
{
	char head[128], tail[256];
	size_t len = (size_t)snprintf(head, sizeof(head), "*6\r\n:%u\r\n$%zu\r\n%s\r\n:", id, strlen(service), service);
	size_t tail_len =
	    (size_t)snprintf(tail, sizeof(tail), "\r\n:0\r\n:7\r\n$%zu\r\n%s\r\n", strlen(payload), payload);
	const char *got = (const char *)worker->got.data;

	assert_in_range(worker->got.len, len + 1 + tail_len, len + 8 + tail_len);
	assert_memory_equal(got, head, len);
	assert_memory_equal(got + worker->got.len - tail_len, tail, tail_len);
	worker->got.len = 0;
}

static struct peer *
worker_of(struct hub *hub, const char *service, size_t n)
{
	struct peer *worker = peer_new(hub, 8);
	char text[128];

	snprintf(text, sizeof(text), "UDSD SERVE %s\r\n", service);
	peer_ask(worker, text, ":1\r\n");
	while (n-- > 0)
		peer_ask(worker, "UDSD NEXT\r\n", "");
	return worker;
}

static void
answers_in_order(struct hub *hub)
{
	struct peer *worker = worker_of(hub, "s", 3), *caller = peer_new(hub, 7);

	peer_ask(caller, "UDSD CALL s a\r\nUDSD CALL s b\r\nPING\r\nUDSD CALL s c\r\n", "");
	worker->got.len = 0;
	peer_ask(worker, "UDSD ANSWER 3 C\r\n", ":1\r\n");
	peer_ask(worker, "UDSD ANSWER 2 B\r\n", ":1\r\n");
	peer_expect_text(caller, "");
	peer_ask(worker, "UDSD FAIL 1 no\r\n", ":1\r\n");
	peer_expect_text(caller, "-FAILED no\r\n$1\r\nB\r\n+PONG\r\n$1\r\nC\r\n");
}

static void
messages_overtake(struct hub *hub)
{
	struct peer *worker = worker_of(hub, "s", 1), *caller = peer_new(hub, 7), *publisher = peer_new(hub, 9);

	peer_say(caller, "HELLO 3\r\n");
	hub_settle(hub);
	caller->got.len = 0;
	peer_ask(caller, "SUBSCRIBE c\r\n", ">3\r\n$9\r\nsubscribe\r\n$1\r\nc\r\n:1\r\n");
	peer_ask(caller, "UDSD CALL s a\r\nPING\r\n", "");
	expect_request(worker, 1, "s", "a");
	peer_ask(publisher, "PUBLISH c x\r\n", ":1\r\n");
	peer_expect_text(caller, ">3\r\n$7\r\nmessage\r\n$1\r\nc\r\n$1\r\nx\r\n");
	/* What pins messages behind it is executed when the call is answered. */
	peer_ask(caller, "SUBSCRIBE d\r\n", "");
	peer_ask(publisher, "PUBLISH d y\r\n", ":0\r\n");
	peer_ask(worker, "UDSD ANSWER 1 A\r\n", ":1\r\n");
	peer_expect_text(caller, "$1\r\nA\r\n+PONG\r\n>3\r\n$9\r\nsubscribe\r\n$1\r\nd\r\n:2\r\n");
}

/* Someone may not notice a message of another client within an EXEC, so an error that is published waits for its end.
 */
static void
nothing_comes_into_exec(struct hub *hub)
{
	struct peer *worker = worker_of(hub, "s", 2), *caller = peer_new(hub, 7), *receiver = peer_new(hub, 9);
	struct peer *other = peer_new(hub, 10);

	peer_say(receiver, "SUBSCRIBE c:error\r\n");
	hub_settle(hub);
	receiver->got.len = 0;
	peer_ask(caller, "UDSD ASK s a REPLY c\r\n", ":1\r\n");
	peer_ask(caller, "UDSD ASK s b REPLY c\r\n", ":2\r\n");
	flow_set_executing(&hub->bus.flow, &other->session.client);
	bus_kill(&hub->bus, &worker->session.client);
	for (int i = 0; i < 3; i++)
		hub_end_pass(hub);
	peer_expect_text(receiver, "");
	assert_int_equal(hub->bus.services.n_requests, 2);
	peer_say(caller, "PING\r\n");
	flow_set_executing(&hub->bus.flow, NULL);
	hub_settle(hub);
	peer_expect_text(receiver,
	                 "*3\r\n$7\r\nmessage\r\n$7\r\nc:error\r\n$55\r\nGONE the worker of 's' has gone, which may "
	                 "have done it\r\n*3\r\n$7\r\nmessage\r\n$7\r\nc:error\r\n$55\r\nGONE the worker of 's' has "
	                 "gone, which may have done it\r\n");
	assert_int_equal(hub->bus.services.n_requests, 0);
}

/* A caller that goes while its error waits to be published. */
static void
caller_goes_during_exec(struct hub *hub)
{
	struct peer *worker = worker_of(hub, "s", 1), *caller = peer_new(hub, 7), *other = peer_new(hub, 10);

	peer_ask(caller, "UDSD ASK s a REPLY c\r\n", ":1\r\n");
	flow_set_executing(&hub->bus.flow, &other->session.client);
	bus_kill(&hub->bus, &worker->session.client);
	hub_end_pass(hub);
	assert_true(services_have_work(&hub->bus.services));
	bus_kill(&hub->bus, &caller->session.client);
	hub_end_pass(hub);
	assert_false(services_have_work(&hub->bus.services));
	assert_int_equal(hub->bus.services.table.n, 0);
	flow_set_executing(&hub->bus.flow, NULL);
}

/* The answer of a caller whose socket is full, and of one that has gone. */
static void
full_and_broken(struct hub *hub)
{
	struct peer *worker = worker_of(hub, "s", 2), *full = peer_new(hub, 7), *gone = peer_new(hub, 7);

	peer_set_full(full, true);
	peer_ask(full, "PING\r\nUDSD CALL s a\r\nPING\r\n", "");
	peer_ask(gone, "UDSD CALL s b\r\n", "");
	worker->got.len = 0;
	peer_break(gone);
	peer_ask(worker, "UDSD ANSWER 1 A\r\n", ":1\r\n");
	peer_ask(worker, "UDSD ANSWER 2 B\r\n", ":0\r\n");
	peer_expect_text(full, "");
	peer_set_full(full, false);
	hub_settle(hub);
	peer_expect_text(full, "+PONG\r\n$1\r\nA\r\n+PONG\r\n");
}

static bool
is_gone(const struct session *s)
{
	return s->client.state == CLIENT_CLOSING;
}

/* A caller has ended its input, and is gone when its request would be given to a worker. */
static void
caller_hangs_up(struct hub *hub)
{
	struct peer *worker = worker_of(hub, "s", 0), *gone = peer_new(hub, 7), *caller = peer_new(hub, 7);

	peer_ask(gone, "UDSD CALL s a\r\n", "");
	peer_ask(caller, "UDSD CALL s b\r\n", "");
	bus_finish(&hub->bus, &gone->session.client); /* as at the end of its input */
	hub_settle(hub);
	assert_false(gone->is_closed);
	hub->sessions.is_gone = is_gone;
	peer_say(worker, "UDSD NEXT\r\nUDSD NEXT TIMEOUT 0\r\n");
	hub_settle(hub);
	assert_non_null(memmem(worker->got.data, worker->got.len, "\r\nb\r\n*-1\r\n", 10));
	worker->got.len = 0;
	hub_settle(hub);
	assert_true(gone->is_closed);
	hub->sessions.is_gone = NULL;
}

/* Each quantile is within a sixteenth of what it should be, and old requests count less and less. */
static void
latencies_are_near(struct hub *hub)
{
	struct latencies latencies = { 0 };

	(void)hub;
	assert_int_equal(latencies_quantile(&latencies, 500), 0);
	for (uint64_t us = 1; us < UINT64_C(1) << 31; us = us * 5 / 4 + 1) {
		uint64_t found;

		latencies = (struct latencies){ 0 };
		latencies_add(&latencies, us);
		found = latencies_quantile(&latencies, 500);
		assert_in_range(found, us - us / 16, us + us / 16);
		assert_int_equal(latencies_quantile(&latencies, 1000), found);
	}
	latencies = (struct latencies){ 0 };
	latencies_add(&latencies, UINT64_MAX);
	assert_in_range(latencies_quantile(&latencies, 1), UINT64_C(1000) * 1000 * 3600, UINT64_MAX);
	latencies = (struct latencies){ 0 };
	for (int i = 0; i < 1000; i++)
		latencies_add(&latencies, i < 990 ? 100 : 5000);
	assert_in_range(latencies_quantile(&latencies, 500), 94, 106);
	assert_in_range(latencies_quantile(&latencies, 990), 94, 106);
	assert_in_range(latencies_quantile(&latencies, 995), 4700, 5300);
	for (int i = 0; i < 500000; i++)
		latencies_add(&latencies, 3);
	assert_int_equal(latencies_quantile(&latencies, 999), 3);
}

static void
rules_match_in_order(struct hub *hub)
{
	struct service_rule *narrow = service_rule_new("db.*"), *wide = service_rule_new("*");
	struct service_rules rules = STAILQ_HEAD_INITIALIZER(rules);
	uint64_t work = 0;

	(void)hub;
	STAILQ_INSERT_TAIL(&rules, narrow, link);
	STAILQ_INSERT_TAIL(&rules, wide, link);
	assert_ptr_equal(service_rule_find(&rules, slice_of("db.users"), &work), narrow);
	assert_ptr_equal(service_rule_find(&rules, slice_of("db"), &work), wide);
	assert_int_equal(service_rule_find(NULL, slice_of("db"), &work)->timeout_ms, 30000);
	assert_true(work > 0);
	service_rule_free(narrow);
	service_rule_free(wide);
}

static const struct conversation conversations[] = {
	{ "answers in order", answers_in_order },
	{ "messages overtake", messages_overtake },
	{ "nothing comes into exec", nothing_comes_into_exec },
	{ "caller goes during exec", caller_goes_during_exec },
	{ "full and broken", full_and_broken },
	{ "caller hangs up", caller_hangs_up },
	{ "latencies are near", latencies_are_near },
	{ "rules match in order", rules_match_in_order },
};

int
main(void)
{
	return hub_hold_all(conversations, sizeof(conversations) / sizeof(conversations[0]));
}
