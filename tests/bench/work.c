#include "work.h"

#include <assert.h>
#include <string.h>

#define PUBLISH(n, d, s) .kind = WORK_PUBLISH, .publishers = 1, .clients = (n), .depth = (d), .size = (s)

#define ADD(n, c, d, s) .kind = WORK_ADD, .publishers = (n), .clients = (c), .depth = (d), .size = (s)

#define TAIL(n) .kind = WORK_TAIL, .publishers = 1, .clients = (n), .depth = 64, .size = 16

#define CALL(n, d, w, a) .kind = WORK_CALL, .clients = (n), .depth = (d), .size = 16, .workers = (w), .ahead = (a)

const struct work work_table[] = {
	{ "publish-1", "1 publisher, 1 receiver, 64 deep", PUBLISH(1, 64, 16) },
	{ "publish-10", "1 publisher, 10 receivers, 64 deep", PUBLISH(10, 64, 16) },
	{ "publish-100", "1 publisher, 100 receivers, 64 deep", PUBLISH(100, 64, 16) },
	{ "publish-1000", "1 publisher, 1,000 receivers, 64 deep", PUBLISH(1000, 64, 16) },
	{ "publish-8x8", "8 publishers on 8 channels, 1 receiver each, 64 deep", WORK_PUBLISH, 8, 1, 64, 16 },
	{ "publish-1k", "1 KiB, 1 publisher, 1 receiver, 64 deep", PUBLISH(1, 64, 1024) },
	{ "publish-64k", "64 KiB, 1 publisher, 1 receiver, 4 deep", PUBLISH(1, 4, 65536) },
	{ "latency", "1 publisher, 1 receiver, one message at a time", PUBLISH(1, 1, 16) },
	{ "ping", "PING, 50 clients, 64 deep", WORK_PING, .clients = 50, .depth = 64 },
	{ "xadd", "XADD to one stream, 50 clients, 64 deep", ADD(1, 50, 64, 40) },
	{ "xadd-8", "XADD to 8 streams, 50 clients each, 64 deep", ADD(8, 50, 64, 40) },
	{ "xadd-16", "XADD to 16 streams in turn, 50 clients, 64 deep", ADD(1, 50, 64, 40), .streams = 16 },
	{ "xadd-1000", "XADD to 1,000 streams in turn, 48 clients, 64 deep", ADD(16, 3, 64, 40), .streams = 1000 },
	{ "xadd-1k", "XADD of 1 KiB to one stream, 50 clients, 64 deep", ADD(1, 50, 64, 1024) },
	{ "xadd-single", "XADD by one client, one at a time", ADD(1, 1, 1, 40) },
	{ "tail-1", "XADD, 1 reader that waits with XREAD, 64 deep", TAIL(1) },
	{ "tail-10", "XADD, 10 readers that wait with XREAD, 64 deep", TAIL(10) },
	{ "tail-100", "XADD, 100 readers that wait with XREAD, 64 deep", TAIL(100) },
	{ "group", "XREADGROUP and XACK of 100 entries, 16 consumers", WORK_GROUP, 16, 1, 1, 40, .entries = 100 },
	{ "ping-single", "PING, 50 clients, one at a time", WORK_PING, .clients = 50, .depth = 1 },
	{ "ping-alone", "PING, 1 client, one at a time", WORK_PING, .clients = 1, .depth = 1 },
	{ "call", "1 caller, 1 worker, one request at a time", CALL(1, 1, 1, 1) },
	{ "call-64", "1 caller, 1 worker, 64 requests at a time", CALL(1, 64, 1, 64) },
	{ "call-16", "16 callers, 8 workers, 64 requests at a time", CALL(16, 64, 8, 64) },
	{ "call-8", "64 callers, 8 workers, which need 1 to 8 ms for a request", CALL(64, 1, 8, 1), .slow_us = 1000 },
	{ "echo-64", "echo of 64 bytes, 50 clients, one at a time", WORK_ECHO, .clients = 50, .depth = 1, .size = 64 },
	{ "echo-16k", "echo of 16 KiB, 4 clients, one at a time", WORK_ECHO, .clients = 4, .depth = 1, .size = 16384 },
	{ "among-patterns", "publish-1 with 10,000 subscribed patterns that do not match", PUBLISH(1, 64, 16),
	  .crowd = { CROWD_PATTERNS, 1, 10000, 1 } },
	{ "among-channels", "publish-1 among 100,000 channels with 1 receiver each", PUBLISH(1, 64, 16),
	  .crowd = { CROWD_CHANNELS, 10, 10000, 1 } },
	{ "visit", "a client connects, gets an answer and leaves, among 10,000 idle ones", WORK_VISIT,
	  .crowd = { CROWD_IDLE, 9900, 0, 1 }, .rounds = 3 },
	{ "rejoin", "1,000 receivers of a channel leave it and rejoin it", WORK_REJOIN, .clients = 1000, .depth = 1 },
	{ "idle", "memory of 5,000 idle clients", WORK_MEMORY, .crowd = { CROWD_IDLE, 5000, 0, 1 }, .rounds = 3 },
	{ "channel", "memory of 100,000 channels with 1 receiver each, 10,000 per client", WORK_MEMORY,
	  .crowd = { CROWD_CHANNELS, 10, 10000, 1 }, .rounds = 3 },
	{ "receiver", "memory of 100,000 subscriptions to existing channels, 10,000 per client", WORK_MEMORY,
	  .crowd = { CROWD_CHANNELS, 10, 10000, 2 }, .rounds = 3 },
	{ "pattern", "memory of 9,999 patterns of 1 client", WORK_MEMORY, .crowd = { CROWD_PATTERNS, 1, 9999, 1 },
	  .rounds = 3 },
	{ "streams", "memory of 100,000 streams with 1 entry", WORK_STREAMS, .size = 40, .entries = 100000,
	  .rounds = 1 },
	{ "pending", "memory of 1,000,000 entries that are delivered and not acknowledged", WORK_PENDING, .size = 40,
	  .entries = 1000000, .rounds = 1 },
	{ "large", "10,000,000 entries in one stream: memory, disk, XRANGE by pages of 1,000, restart", WORK_LARGE,
	  .size = 40, .entries = 10000000, .rounds = 1 },
	{ "start", "from the start of the process to its first answer", WORK_START },
	{ "udsctl", "seq | udsctl send, into udsctl recv", WORK_PIPE },
};
const size_t work_count = sizeof(work_table) / sizeof(work_table[0]);

size_t
work_find(const char *name)
{
	size_t i = 0;

	while (i < work_count && strcmp(work_table[i].name, name) != 0)
		i++;
	assert(i < work_count);
	return i;
}

bool
work_is_stored(const struct work *work)
{
	return work->kind == WORK_ADD || work->kind == WORK_TAIL || work->kind == WORK_GROUP;
}

unsigned int
work_operations(const struct work *work)
{
	if (work->kind == WORK_GROUP)
		return work->depth * work->entries;
	return work->depth * (work->kind == WORK_PUBLISH || work->kind == WORK_TAIL ? work->clients : 1);
}
