#include "bus.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>
#include <unistd.h>

static int
make_run_id(struct bus *bus)
{
	uint8_t bytes[20];

	if (getrandom(bytes, sizeof(bytes), 0) != sizeof(bytes))
		return -errno;
	for (size_t i = 0; i < sizeof(bytes); i++)
		snprintf(bus->run_id + 2 * i, 3, "%02x", bytes[i]);
	return 0;
}

int
bus_init(struct bus *bus, const struct limits *limits)
{
	int r;

	*bus = (struct bus){ .limits = *limits, .own_uid = geteuid(), .recent.len = SIZE_MAX };
	barrier_pool_init(&bus->barriers);
	bus->replies.pool = bus->copies.pool = bus->run.stream.pool = &bus->chunks;
	TAILQ_INIT(&bus->sessions);
	TAILQ_INIT(&bus->ready);
	TAILQ_INIT(&bus->throttled);
	TAILQ_INIT(&bus->postponed);
	TAILQ_INIT(&bus->receivers);
	TAILQ_INIT(&bus->repliers);
	TAILQ_INIT(&bus->blocked);
	TAILQ_INIT(&bus->reloading);
	TAILQ_INIT(&bus->dead);
	r = make_run_id(bus);
	if (r == 0)
		r = router_init(&bus->router);
	if (r < 0)
		return r;
	bus_update_time(bus);
	bus->start_ms = bus->now_ms;
	bus->uptime_s = 0;
	bus->start_time = time(NULL);
	return 0;
}

void
bus_deinit(struct bus *bus)
{
	assert(bus->stats.clients == 0 && bus->n_clogged == 0 && bus->monitors.n + bus->taps.n == 0 &&
	       bus->deferred.len == 0);
	run_close(bus);
	router_deinit(&bus->router);
	assert(bus->users.n == 0);
	table_deinit(&bus->users);
	recvset_deinit(&bus->monitors);
	recvset_deinit(&bus->taps);
	buf_deinit(&bus->deferred);
	buf_deinit(&bus->reload_mistakes);
	resp_request_deinit(&bus->request);
	stream_deinit(&bus->replies);
	stream_deinit(&bus->copies);
	stream_deinit(&bus->run.stream);
	barrier_pool_deinit(&bus->barriers);
	chunk_pool_deinit(&bus->chunks);
}

void
bus_update_time(struct bus *bus)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC_COARSE, &ts);
	bus->now_ms = (uint64_t)ts.tv_sec * 1000 + (uint64_t)ts.tv_nsec / 1000000;
	bus->uptime_s = (uint32_t)((bus->now_ms - bus->start_ms) / 1000);
}

void
bus_count_error(struct bus *bus, const char *text)
{
	size_t len = strcspn(text, " ");

	bus->stats.errors++;
	for (size_t i = 0; i < BUS_ERROR_CODES; i++) {
		if (bus->errors[i].count == 0)
			snprintf(bus->errors[i].code, sizeof(bus->errors[i].code), "%.*s", (int)len, text);
		else if (strncmp(bus->errors[i].code, text, len) != 0 || bus->errors[i].code[len])
			continue;
		bus->errors[i].count++;
		return;
	}
}

uint64_t
bus_count_commands(const struct bus *bus)
{
	uint64_t n = 0;

	for (size_t i = 0; i < COMMAND_ROWS_MAX; i++)
		n += bus->commands[i].calls;
	return n;
}
