/* CRC-32C (Castagnoli), which finds damaged data; computed by the processor where it has an instruction for it. */
#pragma once

#include <stddef.h>
#include <stdint.h>

/* Goes on with the checksum of what came before, which is 0 at the beginning. */
uint32_t crc32c_add(uint32_t crc, const void *data, size_t len);

/* The same without that instruction. */
uint32_t crc32c_add_portably(uint32_t crc, const void *data, size_t len);
