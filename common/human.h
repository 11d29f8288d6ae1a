/* Numbers as people read them. The texts are returned by value: no buffer to pass, nothing to free. */
#pragma once

#include <stdint.h>

struct human_text {
	char text[32];
};

/* Bytes: "512", "1.5K", "12M", powers of 1024. */
struct human_text human_size(uint64_t bytes);

/* Bytes with two decimals, as Redis writes them: "512B", "1.50M". */
struct human_text human_size_fixed(uint64_t bytes);

/* A count or a rate in at most five columns: "0", "0.4", "950", "1.2k", "13k", "4.5M", powers of 1000. */
struct human_text human_count(double value);

/* A rate with all its digits: "0", "0.25", "17.3", "12345". */
struct human_text human_rate(double rate);

/* Seconds: "45s", "3m20s", "2h5m", "12d3h". */
struct human_text human_age(uint64_t seconds);

/* Microseconds in at most five columns below 10000 s: "0us", "950us", "1.2ms", "13ms", "4.5s", "950s", "86400s". */
struct human_text human_microseconds(uint64_t us);

/* Exactly what num_parse_size() and num_parse_duration() read back: bytes as "8M", "1025"; ms as "5s", "1500ms". */
struct human_text human_exact_size(uint64_t bytes);
struct human_text human_exact_duration(uint64_t ms);

/* The ending of a noun: "s", or "" for one. */
const char *human_s(uint64_t n);
