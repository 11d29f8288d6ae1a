#include "work.h"

/*
 * 256 deep, a server that reads all of a batch at once has enough to do that its sleeps and wake-ups do
 * not show; 64 deep they do.
 */
const struct work work_table[] = {
	{ "publish-1", "1 publisher, 1 receiver, 256 deep", WORK_PUBLISH, 1, 256, 16, false },
	{ "publish-10", "1 publisher, 10 receivers, 256 deep", WORK_PUBLISH, 10, 256, 16, false },
	{ "publish-100", "1 publisher, 100 receivers, 256 deep", WORK_PUBLISH, 100, 256, 16, false },
	{ "publish-1000", "1 publisher, 1000 receivers, 256 deep", WORK_PUBLISH, 1000, 256, 16, true },
	{ "publish-1-64", "1 publisher, 1 receiver, 64 deep", WORK_PUBLISH, 1, 64, 16, false },
	{ "publish-10-64", "1 publisher, 10 receivers, 64 deep", WORK_PUBLISH, 10, 64, 16, false },
	{ "publish-100-64", "1 publisher, 100 receivers, 64 deep", WORK_PUBLISH, 100, 64, 16, false },
	{ "publish-single", "1 publisher, 1 receiver, one at a time", WORK_PUBLISH, 1, 1, 16, false },
	{ "ping", "PING, 50 clients, 64 deep", WORK_PING, 50, 64, 0, false },
	{ "ping-single", "PING, 50 clients, one at a time", WORK_PING, 50, 1, 0, false },
	{ "echo-64", "64 bytes back, 50 clients, one at a time", WORK_ECHO, 50, 1, 64, false },
	{ "echo-16k", "16 KiB back, 4 clients, one at a time", WORK_ECHO, 4, 1, 16384, false },
	{ "idle", "memory of 2000 clients that sent one PING", WORK_IDLE, 2000, 1, 0, false },
};
const size_t work_count = sizeof(work_table) / sizeof(work_table[0]);
