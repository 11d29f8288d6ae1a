/* CRC-32C (Castagnoli), with the processor's instruction where it has one. */
#pragma once

#include <stddef.h>
#include <stdint.h>

/* Goes on from the checksum of what stands before, which is 0 at the beginning. */
uint32_t crc32c(uint32_t crc, const uint8_t *p, size_t len);
