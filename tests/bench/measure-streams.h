/* Measurements of large streams: what entries take, and how long they take to read. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct large {
	bool busy;            /* wait without sleeping */
	unsigned int entries; /* or streams, or deliveries that are pending */
	unsigned int size;    /* of payloads */
	double memory;        /* of each, in bytes */
	uint64_t scan_cpu_ns; /* of the server, for a walk through the whole stream */
};

/* Many streams with one entry each: sets memory. */
void measure_spread(struct large *large);
/* Entries that are delivered to groups and not acknowledged: sets memory. */
void measure_pending(struct large *large);
/* One stream of many entries: sets all. */
void measure_large(struct large *large);
/* What an entry takes on disk, when the server has ended. */
double measure_large_disk(const struct large *large);
/* Fails unless the stream is whole, as it is after a restart. */
void measure_check_large(const struct large *large);
