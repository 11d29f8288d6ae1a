#include "siphash.h"

#include <endian.h>
#include <string.h>

struct state {
	uint64_t v0, v1, v2, v3;
};

static inline uint64_t
siphash_rotate(uint64_t x, unsigned int bits)
{
	return x << bits | x >> (64 - bits);
}

static inline void
siphash_round(struct state *s)
{
	s->v0 += s->v1;
	s->v2 += s->v3;
	s->v1 = siphash_rotate(s->v1, 13) ^ s->v0;
	s->v3 = siphash_rotate(s->v3, 16) ^ s->v2;
	s->v0 = siphash_rotate(s->v0, 32) + s->v3;
	s->v2 += s->v1;
	s->v3 = siphash_rotate(s->v3, 21) ^ s->v0;
	s->v1 = siphash_rotate(s->v1, 17) ^ s->v2;
	s->v2 = siphash_rotate(s->v2, 32);
}

static inline void
siphash_absorb(struct state *s, uint64_t word)
{
	s->v3 ^= word;
	siphash_round(s);
	s->v0 ^= word;
}

static struct state
siphash_begin(const struct siphash_key *key)
{
	return (struct state){
		.v0 = key->k0 ^ UINT64_C(0x736f6d6570736575),
		.v1 = key->k1 ^ UINT64_C(0x646f72616e646f6d),
		.v2 = key->k0 ^ UINT64_C(0x6c7967656e657261),
		.v3 = key->k1 ^ UINT64_C(0x7465646279746573),
	};
}

/* Absorbs whole words. Returns how many bytes are left, fewer than a word. */
static inline size_t
siphash_absorb_words(struct state *s, const uint8_t *p, size_t len)
{
	uint64_t word;

	for (; len >= sizeof(word); p += sizeof(word), len -= sizeof(word)) {
		memcpy(&word, p, sizeof(word));
		siphash_absorb(s, le64toh(word));
	}
	return len;
}

/* The hash of a string of len bytes whose last `left` ones, at p, are not absorbed. */
static inline uint64_t
siphash_end(struct state s, const uint8_t *p, size_t left, size_t len)
{
	uint64_t word = 0;

	if (left > 0)
		memcpy(&word, p, left);
	siphash_absorb(&s, le64toh(word) | (uint64_t)len << 56);
	s.v2 ^= 0xff;
	for (int i = 0; i < 3; i++)
		siphash_round(&s);
	return s.v0 ^ s.v1 ^ s.v2 ^ s.v3;
}

uint64_t
siphash(const struct siphash_key *key, const void *data, size_t len)
{
	struct state s = siphash_begin(key);
	size_t left = siphash_absorb_words(&s, data, len);

	return siphash_end(s, (const uint8_t *)data + len - left, left, len);
}

void
siphash_prefix_init(struct siphash_prefix *prefix, const struct siphash_key *key, const void *data)
{
	struct state s = siphash_begin(key);

	*prefix = (struct siphash_prefix){ { s.v0, s.v1, s.v2, s.v3 }, data, 0 };
}

uint64_t
siphash_prefix(struct siphash_prefix *prefix, size_t len)
{
	struct state s = { prefix->state[0], prefix->state[1], prefix->state[2], prefix->state[3] };
	size_t left = siphash_absorb_words(&s, prefix->data + prefix->absorbed, len - prefix->absorbed);

	*prefix = (struct siphash_prefix){ { s.v0, s.v1, s.v2, s.v3 }, prefix->data, len - left };
	return siphash_end(s, prefix->data + prefix->absorbed, left, len);
}
