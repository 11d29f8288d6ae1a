/*
 * Repeatable random numbers for tests (xorshift64*). The seed is printed, and $UDSD_TEST_SEED brings a failed
 * run back.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/random.h>

struct prng {
	uint64_t state;
};

static inline void
prng_init(struct prng *prng, uint64_t seed)
{
	prng->state = seed * UINT64_C(0x9e3779b97f4a7c15) + 0x2545f491;
	if (prng->state == 0)
		prng->state = 1;
}

static inline uint64_t
prng_next(struct prng *prng)
{
	prng->state ^= prng->state >> 12;
	prng->state ^= prng->state << 25;
	prng->state ^= prng->state >> 27;
	return prng->state * UINT64_C(0x2545f4914f6cdd1d);
}

/* A number from 0 to n - 1. */
static inline size_t
prng_below(struct prng *prng, size_t n)
{
	return (size_t)((prng_next(prng) >> 11) % n);
}

/* The seed of this run, which is printed. */
static inline uint64_t
prng_seed(void)
{
	const char *given = getenv("UDSD_TEST_SEED");
	uint32_t seed = 1;

	if (given)
		seed = (uint32_t)strtoul(given, NULL, 10);
	else if (getrandom(&seed, sizeof(seed), 0) != sizeof(seed))
		seed = 1;
	printf("# UDSD_TEST_SEED=%u\n", seed);
	fflush(stdout);
	return seed;
}
