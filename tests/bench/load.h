/*
 * The load generator: the connections of one work to the server, and the traffic on them. Every byte from the server is
 * compared with the scripts; a wrong, missing or surplus byte ends the benchmark with a message that says where.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "script.h"

struct load;

struct load_result {
	uint64_t operations; /* deliveries of a publish or tail, entries of groups, else requests */
	uint64_t ns;         /* wall time */
	double p50_us;       /* wall latency of a batch, in microseconds; meaningful for depth 1 */
	double p99_us;
	double p999_us;
};

/*
 * Connects all clients, and waits until the server knows them. scripts: one for each publisher, or one. name: the
 * server's, for error messages. busy: poll without sleeping. The work, scripts and name must outlive the load.
 */
struct load *load_new(const struct work *work, const struct script *scripts, const char *name, bool busy);
void load_free(struct load *load);

/*
 * Sends batches for so many ns, at least one from each client, and then waits for all outstanding bytes. A client sends
 * its next batch when the last one is answered; a publish of depth 1 must also be delivered. The latency of a publish
 * is the time until its delivery.
 */
void load_run(struct load *load, uint64_t ns, struct load_result *ret_result);

/* The same for clients that come one after the other: each connects, sends the script's hello, reads the reply and
 * closes. */
void load_run_visits(const struct script *script, uint64_t ns, bool busy, struct load_result *ret_result);
