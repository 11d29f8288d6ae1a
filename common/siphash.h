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
