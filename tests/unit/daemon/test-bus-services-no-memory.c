/*
 * A conversation about services in which every allocation of the bus fails in turn: alone, or together with those that
 * follow. Clients may be closed for it; but nothing is left, and afterwards services work.
 */
#include "hub.h"

#include <stdio.h>

#include "failing.h"
#include "services.h"

static void
note_bus(bool begins)
{
	failing_set_on(begins);
}

static void
say(struct peer *peer, const char *text)
{
	if (!peer->is_closed)
		peer_say(peer, text);
	hub_settle(peer->hub);
}

static void
converse(struct hub *hub)
{
	struct peer *workers[] = { peer_new(hub, 1), peer_new(hub, 2) };
	struct peer *caller = peer_new(hub, 3), *receiver = peer_new(hub, 4);

	say(receiver, "SUBSCRIBE c c:error\r\n");
	for (size_t i = 0; i < 2; i++)
		say(workers[i], "UDSD SERVE s t u\r\nUDSD NEXT\r\nUDSD NEXT TIMEOUT 60000\r\n");
	say(caller, "UDSD CALL early waits WAIT 60000\r\n"); /* the first of its kind: all has to be made */
	say(caller, "UDSD CALL s a\r\nUDSD CALL t b RETRY 1\r\nPING\r\nUDSD ASK u c REPLY c\r\nUDSD CALL s d\r\n");
	say(caller, "UDSD CALL s waits WAIT 60000\r\nUDSD CALL none waits WAIT 60000\r\nUDSD SERVICES\r\n");
	say(workers[0], "UDSD ANSWER 2 x\r\nUDSD ANSWER 4 x\r\nUDSD FAIL 3 x NEXT\r\n");
	say(workers[1], "UDSD ANSWER 3 x\r\nUDSD ANSWER 5 x\r\nUDSD UNSERVE t\r\nUDSD UNSERVE\r\n");
	if (!workers[0]->is_closed)
		peer_break(workers[0]);
	say(caller, "UDSD CANCEL 4\r\n");
}

static void
memory_runs_out(void **state)
{
	uint64_t failed = 1;

	for (uint64_t first = 1; failed > 0; first++) {
		for (uint64_t n = 1; n <= 64; n *= 8) {
			struct hub hub;
			struct peer *worker, *caller;

			hub_init(&hub, HUB_WHOLE, 1);
			hub.may_refuse = true;
			hub.on_bus = note_bus;
			failing_begin(first, n);
			converse(&hub);
			failed = failing_end();
			hub.on_bus = NULL;
			caller = peer_new(&hub, 5);
			worker = peer_new(&hub, 6);
			say(worker, "UDSD SERVE later\r\nUDSD NEXT\r\n");
			say(caller, "UDSD CALL later x\r\n");
			assert_int_equal(hub.bus.services.n_running >= 1, true);
			assert_true(worker->got.len > 20);
			hub_deinit(&hub); /* asserts that nothing is left */
		}
	}
	(void)state;
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(memory_runs_out),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
