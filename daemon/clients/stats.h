/* What a bus counts. Plain counters since start, but for the gauges. */
#pragma once

#include <stdint.h>

struct stats {
	uint64_t errors;           /* error replies */
	uint64_t messages;         /* published */
	uint64_t deliveries;       /* messages queued for a receiver, once for each */
	uint64_t undelivered;      /* of these, lost because their receiver was disconnected or went away */
	uint64_t undelivered_slow; /* of these, because it was slow */
	uint64_t dropped;          /* not queued, as a channel's policy is to drop */
	uint64_t refused;          /* messages of clients that do not speak RESP that were not published */
	uint64_t slow_receivers;   /* disconnected */
	uint64_t waits;            /* commands that had to wait */
	uint64_t bytes_in, bytes_out;
	uint64_t denied_channels, denied_commands; /* refusals by access rules */
	uint64_t clients_accepted, clients_refused;
	uint64_t clients; /* gauge */
};
