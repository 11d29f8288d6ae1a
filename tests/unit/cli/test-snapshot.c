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

static void
read_info(struct snapshot *s, const char *run_id, unsigned int published, const char *cpu)
{
	char text[512];

	snprintf(text, sizeof(text),
	         "# Server\r\nudsd_version:1.2.3\r\nrun_id:%s\r\nuptime_in_seconds:60\r\n\r\n# Clients\r\n"
	         "connected_clients:3\r\nclogged_clients:1\r\nunsent_bytes:77\r\nmessages_published:%u\r\n"
	         "messages_queued:%u\r\nused_cpu_sys:%s\r\nused_cpu_user:0.250000\r\npubsub_channels:2\r\n",
	         run_id, published, 2 * published, cpu);
	assert_true(snapshot_read_info(s, slice_of(text)));
}

/* A channel as the daemon replies it in RESP2. */
static bool
read_channel(struct snapshot *s, const char *name, unsigned int shard, unsigned int messages)
{
	struct resp_reply reply = { 0 };
	char text[512];
	bool is_channel;

	snprintf(text, sizeof(text),
	         "*12\r\n$4\r\nname\r\n$%zu\r\n%s\r\n$5\r\nshard\r\n:%u\r\n$9\r\nreceivers\r\n:2\r\n"
	         "$17\r\npattern-receivers\r\n:3\r\n$8\r\nmessages\r\n:%u\r\n$6\r\nlatest\r\n:9\r\n",
	         strlen(name), name, shard, messages);
	assert_int_equal(resp_reply_parse(&reply, (const uint8_t *)text, strlen(text), 1024), RESP_REPLY_OK);
	is_channel = snapshot_read_row(s, SNAPSHOT_CHANNELS, reply.nodes, reply.count);
	resp_reply_deinit(&reply);
	return is_channel;
}

/* A stream, as the daemon replies it in RESP2. */
static bool
read_stream(struct snapshot *s, const char *name, unsigned int added, unsigned int uid)
{
	struct resp_reply reply = { 0 };
	char text[512];
	bool is_stream;

	snprintf(text, sizeof(text),
	         "*8\r\n$4\r\nname\r\n$%zu\r\n%s\r\n$5\r\nadded\r\n:%u\r\n$3\r\nlag\r\n:4\r\n"
	         "$3\r\nuid\r\n:%u\r\n",
	         strlen(name), name, added, uid);
	assert_int_equal(resp_reply_parse(&reply, (const uint8_t *)text, strlen(text), 1024), RESP_REPLY_OK);
	is_stream = snapshot_read_row(s, SNAPSHOT_STREAMS, reply.nodes, reply.count);
	resp_reply_deinit(&reply);
	return is_stream;
}

static bool
read_clients(struct snapshot *s, const char *text)
{
	return snapshot_read_clients(s, slice_of(text));
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
	const struct snapshot_row *channels, *clients;

	(void)state;
	read_info(&s, "abc", 100, "1.500000");
	assert_true(read_channel(&s, "b", 0, 5));
	assert_true(read_channel(&s, "a", 1, 6));
	assert_true(read_channel(&s, "a", 0, 7));
	assert_true(read_clients(&s,
	                         "id=7 addr=/x y=z:0 name=joe age=61 flags=PU sub=1 psub=2 ssub=3 obl=9 events=r "
	                         "uid=1000 gid=1 pid=42 published=4 delivered=5 clogged=0\n"
	                         "id=3 addr=/x:0 name= age=1 flags=U sub=0 obl=0 events=r uid=-1 pid=0 clogged=1\n"));
	snapshot_finish(&s, 1000000, &none);
	assert_false(s.has_rates);
	assert_string_equal(s.info.version, "1.2.3");
	assert_true(stats_value(&s.info, "uptime_in_seconds") == 60);
	assert_true(stats_value(&s.info, "unsent_bytes") == 77);
	assert_true(stats_value(&s.info, "pubsub_channels") == 2);
	assert_int_equal(s.lists[SNAPSHOT_CHANNELS].n, 3);
	channels = s.lists[SNAPSHOT_CHANNELS].rows;
	assert_true(is_named(&s, channels[0].key, "a") && channels[0].values[CHANNEL_IS_SHARD] == 0);
	assert_true(is_named(&s, channels[1].name, "a (shard)") && is_named(&s, channels[1].key, "a"));
	assert_true(channels[2].values[CHANNEL_RECEIVERS] == 5);
	assert_true(channels[2].values[CHANNEL_NAMED] == 2);
	assert_int_equal(s.lists[SNAPSHOT_CLIENTS].n, 2);
	clients = s.lists[SNAPSHOT_CLIENTS].rows;
	assert_true(clients[0].values[CLIENT_ID] == 3);
	assert_int_equal(clients[0].uid, -1);
	assert_true(is_named(&s, clients[0].user, "-"));
	assert_int_equal(clients[0].state, STATE_CLOGGED);
	assert_true(is_named(&s, clients[1].name, "joe"));
	assert_int_equal(clients[1].uid, 1000);
	assert_true(clients[1].values[CLIENT_SUBSCRIPTIONS] == 6);
	assert_true(clients[1].values[CLIENT_PID] == 42);
	assert_int_equal(clients[1].state, STATE_RECEIVES);
	snapshot_deinit(&s);
}

static void
test_streams(void **state)
{
	struct snapshot s = { 0 }, none = { 0 }, next = { 0 };
	const struct snapshot_row *streams;

	(void)state;
	read_info(&s, "abc", 100, "1.500000");
	assert_true(read_stream(&s, "b", 5, 4242424));
	assert_true(read_stream(&s, "a", 7, 0));
	snapshot_finish(&s, 1000000, &none);
	assert_int_equal(s.lists[SNAPSHOT_CHANNELS].n, 0);
	assert_int_equal(s.lists[SNAPSHOT_STREAMS].n, 2);
	streams = s.lists[SNAPSHOT_STREAMS].rows;
	assert_true(is_named(&s, streams[0].name, "a") && is_named(&s, streams[0].user, "root"));
	assert_true(is_named(&s, streams[1].user, "uid 4242424"));
	assert_true(streams[1].values[STREAM_LAG] == 4);
	/* One goes on, and one has been deleted and made again by another user. */
	read_info(&next, "abc", 100, "1.500000");
	assert_true(read_stream(&next, "a", 9, 0));
	assert_true(read_stream(&next, "b", 6, 0));
	snapshot_finish(&next, 3000000, &s);
	streams = next.lists[SNAPSHOT_STREAMS].rows;
	assert_true(streams[0].rates[STREAM_ADDED] == 1);
	assert_true(streams[1].rates[STREAM_ADDED] == 3);
	snapshot_deinit(&s);
	snapshot_deinit(&next);
}

#define CLIENT(id, published) "id=" #id " name=x published=" #published "\n"

static void
test_rates(void **state)
{
	struct snapshot a = { 0 }, b = { 0 }, none = { 0 };
	const struct snapshot_row *channels, *clients;

	(void)state;
	read_info(&a, "abc", 100, "1.500000");
	read_channel(&a, "gone", 0, 1);
	read_channel(&a, "more", 0, 10);
	read_channel(&a, "anew", 0, 50);
	read_clients(&a, CLIENT(1, 5) CLIENT(2, 7));
	snapshot_finish(&a, 1000000, &none);
	strcpy(a.lists[SNAPSHOT_CLIENTS].rows[1].command, "kept");

	read_info(&b, "abc", 300, "1.600000");
	read_channel(&b, "new", 0, 8);
	read_channel(&b, "more", 0, 20);
	read_channel(&b, "anew", 0, 4); /* the daemon forgot it meanwhile and counts again */
	read_clients(&b, CLIENT(9, 6) CLIENT(2, 17));
	snapshot_finish(&b, 3000000, &a);
	assert_true(b.has_rates);
	assert_true(stats_value(&b.rates, "messages_published") == 100);
	assert_true(stats_value(&b.rates, "messages_queued") == 200);
	assert_true(stats_value(&b.rates, "used_cpu_user") == 0);
	assert_true(stats_value(&b.rates, "used_cpu_sys") > 0.049 && stats_value(&b.rates, "used_cpu_sys") < 0.051);
	channels = b.lists[SNAPSHOT_CHANNELS].rows;
	assert_true(channels[0].rates[CHANNEL_MESSAGES] == 2); /* anew */
	assert_true(channels[1].rates[CHANNEL_MESSAGES] == 5); /* more */
	assert_true(channels[2].rates[CHANNEL_MESSAGES] == 4); /* new */
	clients = b.lists[SNAPSHOT_CLIENTS].rows;
	assert_true(clients[0].values[CLIENT_ID] == 2 && clients[0].rates[CLIENT_PUBLISHED] == 5);
	assert_string_equal(clients[0].command, "kept");
	assert_true(clients[1].rates[CLIENT_PUBLISHED] == 3);
	assert_string_equal(clients[1].command, "");

	/* There are no rates across a restart of the daemon. */
	snapshot_clear(&a);
	read_info(&a, "def", 1000, "9.0");
	snapshot_finish(&a, 4000000, &b);
	assert_false(a.has_rates);
	assert_int_equal(a.lists[SNAPSHOT_CHANNELS].n, 0);
	assert_true(stats_value(&a.rates, "messages_published") == 0);
	snapshot_deinit(&a);
	snapshot_deinit(&b);
}

/* Answers that no udsd gives. */
static void
test_foreign_answers(void **state)
{
	struct snapshot s = { 0 };
	struct resp_node nodes[] = { { .type = RESP_ARRAY, .elements = 1, .end = 2 }, { .type = RESP_INTEGER } };

	(void)state;
	assert_false(snapshot_read_info(&s, slice_of("# Server\r\nredis_version:7.2.0\r\nrun_id:abc\r\n")));
	assert_false(read_clients(&s, "hello=1\n"));
	assert_true(read_clients(&s, ""));
	assert_false(snapshot_read_row(&s, SNAPSHOT_CHANNELS, nodes, 2));
	assert_false(snapshot_read_row(&s, SNAPSHOT_CHANNELS, nodes + 1, 1));
	snapshot_deinit(&s);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_values),
		cmocka_unit_test(test_streams),
		cmocka_unit_test(test_rates),
		cmocka_unit_test(test_foreign_answers),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
