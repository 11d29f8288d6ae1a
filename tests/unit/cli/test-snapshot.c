#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <setjmp.h>
#include <cmocka.h>

#include "resp-reply.h"
#include "snapshot.h"

static struct slice
slice_of(const char *text)
{
	return (struct slice){ (const uint8_t *)text, strlen(text) };
}

static void
read_info(struct snapshot *s, const char *run_id, unsigned int published, const char *cpu)
{
	char text[512];
	struct slice info;

	snprintf(text, sizeof(text),
	         "# Server\r\nudsd_version:1.2.3\r\nrun_id:%s\r\nuptime_in_seconds:60\r\n\r\n# Clients\r\n"
	         "connected_clients:3\r\nclogged_clients:1\r\nunsent_bytes:77\r\nmessages_published:%u\r\n"
	         "messages_queued:%u\r\nused_cpu_sys:%s\r\nused_cpu_user:0.250000\r\npubsub_channels:2\r\n",
	         run_id, published, 2 * published, cpu);
	info = slice_of(text);
	assert_int_equal(snapshot_read_info(s, &info), 0);
}

/* A channel as the daemon replies it in RESP2. */
static int
read_channel(struct snapshot *s, const char *name, unsigned int shard, unsigned int messages)
{
	struct resp_reply reply = { 0 };
	char text[512];
	int r;

	snprintf(text, sizeof(text),
	         "*12\r\n$4\r\nname\r\n$%zu\r\n%s\r\n$5\r\nshard\r\n:%u\r\n$9\r\nreceivers\r\n:2\r\n"
	         "$17\r\npattern-receivers\r\n:3\r\n$8\r\nmessages\r\n:%u\r\n$6\r\nlatest\r\n:9\r\n",
	         strlen(name), name, shard, messages);
	assert_int_equal(resp_reply_parse(&reply, (const uint8_t *)text, strlen(text), 1024), RESP_REPLY_OK);
	r = snapshot_read_channel(s, reply.nodes, reply.count);
	resp_reply_deinit(&reply);
	return r;
}

static int
read_clients(struct snapshot *s, const char *text)
{
	struct slice list = slice_of(text);

	return snapshot_read_clients(s, &list);
}

static bool
is_named(const struct snapshot *s, struct snapshot_text text, const char *name)
{
	struct slice slice = snapshot_text(s, text);

	return slice.len == strlen(name) && memcmp(slice.p, name, slice.len) == 0;
}

static void
test_values(void **state)
{
	struct snapshot s = { 0 }, none = { 0 };

	(void)state;
	read_info(&s, "abc", 100, "1.500000");
	assert_int_equal(read_channel(&s, "b", 0, 5), 0);
	assert_int_equal(read_channel(&s, "a", 1, 6), 0);
	assert_int_equal(read_channel(&s, "a", 0, 7), 0);
	assert_int_equal(
	    read_clients(&s, "id=7 addr=/x y=z:0 name=joe age=61 flags=PU sub=1 psub=2 ssub=3 obl=9 events=r "
	                     "uid=1000 gid=1 pid=42 published=4 delivered=5 clogged=0\n"
	                     "id=3 addr=/x:0 name= age=1 flags=U sub=0 obl=0 events=r uid=-1 pid=0 clogged=1\n"),
	    0);
	snapshot_finish(&s, 1000000, &none);
	assert_false(s.has_rates);
	assert_string_equal(s.info.all.version, "1.2.3");
	assert_int_equal(s.info.uptime, 60);
	assert_int_equal(s.info.unsent, 77);
	assert_int_equal(s.info.named_channels, 2);
	assert_int_equal(s.n_channels, 3);
	assert_true(is_named(&s, s.channels[0].name, "a") && !s.channels[0].is_shard);
	assert_true(is_named(&s, s.channels[1].label, "a (shard)") && is_named(&s, s.channels[1].name, "a"));
	assert_int_equal(s.channels[2].receivers, 5);
	assert_int_equal(s.channels[2].named, 2);
	assert_int_equal(s.n_clients, 2);
	assert_int_equal(s.clients[0].id, 3);
	assert_int_equal(s.clients[0].uid, -1);
	assert_int_equal(s.clients[0].state, SNAPSHOT_CLOGGED);
	assert_true(is_named(&s, s.clients[1].name, "joe"));
	assert_int_equal(s.clients[1].subscriptions, 6);
	assert_int_equal(s.clients[1].pid, 42);
	assert_int_equal(s.clients[1].state, SNAPSHOT_SUBSCRIBED);
	snapshot_deinit(&s);
}

#define CLIENT(id, published) "id=" #id " name=x published=" #published "\n"

static void
test_rates(void **state)
{
	struct snapshot a = { 0 }, b = { 0 }, none = { 0 };

	(void)state;
	read_info(&a, "abc", 100, "1.500000");
	read_channel(&a, "gone", 0, 1);
	read_channel(&a, "more", 0, 10);
	read_channel(&a, "anew", 0, 50);
	read_clients(&a, CLIENT(1, 5) CLIENT(2, 7));
	snapshot_finish(&a, 1000000, &none);
	strcpy(a.clients[1].command, "kept");

	read_info(&b, "abc", 300, "1.600000");
	read_channel(&b, "new", 0, 8);
	read_channel(&b, "more", 0, 20);
	read_channel(&b, "anew", 0, 4); /* it was forgotten meanwhile, and counts again */
	read_clients(&b, CLIENT(9, 6) CLIENT(2, 17));
	snapshot_finish(&b, 3000000, &a);
	assert_true(b.has_rates);
	assert_true(b.rates.published == 100 && b.rates.queued == 200);
	assert_true(b.rates.cpu > 0.049 && b.rates.cpu < 0.051);
	assert_true(b.channels[0].message_rate == 2); /* anew */
	assert_true(b.channels[1].message_rate == 5); /* more */
	assert_true(b.channels[2].message_rate == 4); /* new */
	assert_true(b.clients[0].id == 2 && b.clients[0].publish_rate == 5);
	assert_string_equal(b.clients[0].command, "kept");
	assert_true(b.clients[1].publish_rate == 3);
	assert_string_equal(b.clients[1].command, "");

	/* Another daemon has nothing to do with the one before. */
	snapshot_clear(&a);
	read_info(&a, "def", 1000, "9.0");
	snapshot_finish(&a, 4000000, &b);
	assert_false(a.has_rates);
	assert_int_equal(a.n_channels, 0);
	assert_true(a.rates.published == 0);
	snapshot_deinit(&a);
	snapshot_deinit(&b);
}

static void
test_what_no_udsd_answers(void **state)
{
	struct snapshot s = { 0 };
	struct slice redis = slice_of("# Server\r\nredis_version:7.2.0\r\nrun_id:abc\r\n");
	struct resp_node nodes[] = { { .type = RESP_ARRAY, .elements = 1, .end = 2 }, { .type = RESP_INTEGER } };

	(void)state;
	assert_int_equal(snapshot_read_info(&s, &redis), SNAPSHOT_E_FORMAT);
	assert_int_equal(read_clients(&s, "hello=1\n"), SNAPSHOT_E_FORMAT);
	assert_int_equal(read_clients(&s, ""), 0);
	assert_int_equal(snapshot_read_channel(&s, nodes, 2), SNAPSHOT_E_FORMAT);
	assert_int_equal(snapshot_read_channel(&s, nodes + 1, 1), SNAPSHOT_E_FORMAT);
	snapshot_deinit(&s);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_values),
		cmocka_unit_test(test_rates),
		cmocka_unit_test(test_what_no_udsd_answers),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
