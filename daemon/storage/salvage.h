/* Saves what is whole of a damaged store. */
#pragma once

#include <stddef.h>
#include <stdint.h>

struct salvage {
	uint64_t records, blocks; /* that were saved */
	uint64_t damages;         /* values and places that cannot be read */
};

/*
 * Copies what can be read of the store in directory `from`, which is left as it is, to a new store in directory `to`,
 * which is made if it is missing and must not have a store with anything in it. Blocks. Returns 0; or -errno and a
 * sentence in error[].
 */
int salvage_store(const char *from, const char *to, struct salvage *ret_salvage, char *error, size_t error_size);
