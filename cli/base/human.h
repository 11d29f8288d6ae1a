/* Numbers as people read them. */
#pragma once

#include <stdint.h>

/* A text returned by value: no buffer to pass, nothing to free. */
struct human_text {
	char text[32];
};

/* Bytes: "512", "1.5K", "12M", powers of 1024. */
struct human_text human_size(uint64_t bytes);

/* Seconds: "45s", "3m20s", "2h5m", "12d3h". */
struct human_text human_age(uint64_t seconds);

/* A rate: "0", "0.25", "17.3", "12345". */
struct human_text human_rate(double rate);
