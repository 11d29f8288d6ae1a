/* A list of durations, as in retry_delay: "1s 10s 1m". */
#pragma once

#include <stddef.h>
#include <stdint.h>

/* Durations of a list, at most; and how long each may be. */
#define STREAM_DELAYS_MAX 16
#define STREAM_DELAY_MAX_MS ((uint64_t)30 * 86400 * 1000)

/* Of a list as text, with the NUL. */
#define STREAM_DELAYS_TEXT (STREAM_DELAYS_MAX * 16)

struct stream_delays {
	size_t n;
	uint64_t ms[STREAM_DELAYS_MAX];
};

/* Reads words like "10s". Returns 0; or -EINVAL and what is wrong in error[], and *ret_delays is left alone. */
int stream_delays_parse(const char *text, struct stream_delays *ret_delays, char *error, size_t size);

/* What stream_delays_parse() reads back. */
void stream_delays_format(const struct stream_delays *delays, char text[STREAM_DELAYS_TEXT]);
