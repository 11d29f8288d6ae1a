/* The two clocks of streams: the time that people read, and the one for deadlines. */
#pragma once

#include <stdint.h>
#include <time.h>

/* Unix time in ms, exact to a few ms. */
static inline uint64_t
streams_unix_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_REALTIME_COARSE, &ts);
	return (uint64_t)ts.tv_sec * 1000 + (uint64_t)ts.tv_nsec / 1000000;
}

/* Likewise, exact. */
static inline uint64_t
streams_unix_exact_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_REALTIME, &ts);
	return (uint64_t)ts.tv_sec * 1000 + (uint64_t)ts.tv_nsec / 1000000;
}

/* CLOCK_MONOTONIC in nanoseconds, and in microseconds. */
static inline uint64_t
streams_now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000000000 + (uint64_t)ts.tv_nsec;
}

static inline uint64_t
streams_now_us(void)
{
	return streams_now_ns() / 1000;
}
