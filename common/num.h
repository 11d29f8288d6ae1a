/*
 * Numbers as people and protocols write them, parsed strictly: the whole text must be the number.
 * Parsers return 0, -EINVAL (not of the form) or -ERANGE (does not fit), and leave *ret_value alone on failure.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

/* The longest text num_put_u64() writes. */
#define NUM_DIGITS_MAX 20

/* Decimal digits only: no sign, no blanks. */
int num_parse_u64(const char *text, uint64_t *ret_value);

/* The number whose digits the bytes begin with, which fits: of a peer that writes numbers only. 0 where there is none.
 */
uint64_t num_leading_u64(const uint8_t *p, size_t len);

/* Bytes: digits and an optional K, M or G (powers of 1024): "8M". */
int num_parse_size(const char *text, uint64_t *ret_value);

/*
 * Milliseconds: digits and a unit of ms, s, m, h or d: "5s"; or several, the larger unit first: "1m30s". A bare 0 is
 * allowed, another bare number is not.
 */
int num_parse_duration(const char *text, uint64_t *ret_value);

/* "N", "N/s" or "N/m", N at least 1: so many in so many milliseconds. Returns 0, -EINVAL or -ERANGE. */
int num_parse_rate(const char *text, uint64_t *ret_count, uint64_t *ret_period);

/* File permission bits in octal, at most 07777: "0660". */
int num_parse_mode(const char *text, unsigned int *ret_value);

/*
 * A RESP length or count: canonical decimal of a signed 64-bit number, as Redis takes it (no leading
 * zeros, no plus sign, no "-0").
 */
int num_parse_resp(const uint8_t *p, size_t len, int64_t *ret_value);

/* Writes value in decimal without a NUL; returns the number of bytes written, at most NUM_DIGITS_MAX. */
size_t num_put_u64(char *p, uint64_t value);
