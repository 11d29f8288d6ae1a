/*
 * SipHash-1-3, a keyed hash: nobody without the key can choose names that collide
 * (https://www.aumasson.jp/siphash/siphash.pdf).
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

struct siphash_key {
	uint64_t k0, k1;
};

uint64_t siphash(const struct siphash_key *key, const void *data, size_t len);

/* Hashes the first bytes of one string for one length after another, in time that grows with the longest only. */
struct siphash_prefix {
	uint64_t state[4];
	const uint8_t *data;
	size_t absorbed;
};

void siphash_prefix_init(struct siphash_prefix *prefix, const struct siphash_key *key, const void *data);

/* siphash() of the first len bytes. len: at least that of the call before. */
uint64_t siphash_prefix(struct siphash_prefix *prefix, size_t len);
