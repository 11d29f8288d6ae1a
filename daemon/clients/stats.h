/* Counters of a bus. All count from the start, except gauges. */
#pragma once

#include <stdint.h>

struct stats {
	uint64_t errors;           /* error replies */
	uint64_t messages;         /* published */
	uint64_t unreceived;       /* of these, messages that no receiver got */
	uint64_t deliveries;       /* messages queued for a receiver: once for each receiver */
	uint64_t undelivered;      /* of these, lost since the receiver went away or was disconnected */
	uint64_t undelivered_slow; /* of these, since it was slow */
	uint64_t dropped;          /* messages not queued for a receiver, by the channel's policy */
	uint64_t stored;           /* messages published and stored */
	uint64_t replayed;         /* messages that receivers got from the store: once for each receiver */
	uint64_t overtaken;        /* messages that were gone from the store before a receiver had got them */
	uint64_t refused;          /* messages not published, of clients that do not speak RESP */
	uint64_t slow_receivers;   /* disconnected for being slow */
	uint64_t waits;            /* commands that had to wait */
	uint64_t bytes_in, bytes_out;
	uint64_t denied_channels, denied_commands; /* refused by access rules */
	uint64_t clients_accepted, clients_refused;
	uint64_t clients; /* gauge: connected now */
};
