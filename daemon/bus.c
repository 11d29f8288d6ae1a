#include "bus.h"

#include <assert.h>
#include <time.h>

int
bus_init(struct bus *bus, const struct limits *limits)
{
	int r;

	*bus = (struct bus){ .limits = *limits };
	barrier_pool_init(&bus->barriers);
	bus->replies.pool = bus->copies.pool = bus->run.stream.pool = &bus->chunks;
	TAILQ_INIT(&bus->ready);
	TAILQ_INIT(&bus->throttled);
	TAILQ_INIT(&bus->receivers);
	TAILQ_INIT(&bus->repliers);
	TAILQ_INIT(&bus->blocked);
	TAILQ_INIT(&bus->dead);
	r = router_init(&bus->router);
	if (r < 0)
		return r;
	bus_update_time(bus);
	bus->start_ms = bus->now_ms;
	bus->start_time = time(NULL);
	return 0;
}

void
bus_deinit(struct bus *bus)
{
	assert(bus->stats.clients == 0 && bus->n_clogged == 0);
	run_close(bus);
	router_deinit(&bus->router);
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
}
