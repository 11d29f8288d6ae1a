/*
 * The load generator: the connections of one work to the server, and the traffic on them. Every byte that
 * comes back is compared with the scripts; one that is wrong, missing or too many ends the benchmark with
 * a text that says where.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "script.h"

struct load;

struct load_result {
	uint64_t operations; /* deliveries of a publish, else requests */
	uint64_t ns;         /* wall time */
	double p50_us;       /* wall latency of a batch, in microseconds; of use where depth is 1 */
	double p99_us;
	double p999_us;
};

/*
 * Connects all clients, and waits until the server has taken note of them. scripts: one for each
 * publisher, or one. name is the server's, for errors; busy says to poll without ever sleeping. The work,
 * scripts and name must outlive the load.
 */
struct load *load_new(const struct work *work, const struct script *scripts, const char *name, bool busy);
void load_free(struct load *load);

/*
 * Sends batches for so many ns, at least one from each client, then waits for all that is outstanding.
 * The next batch goes when the last one is answered; at depth 1 also only when it is delivered. The
 * latency of a publish is the time until it is delivered.
 */
void load_run(struct load *load, uint64_t ns, struct load_result *ret_result);

/* The same for clients that connect, say the script's hello, are answered and go: one after the other. */
void load_run_visits(const struct script *script, uint64_t ns, bool busy, struct load_result *ret_result);
