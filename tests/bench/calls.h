/*
 * The load generator for services: callers that send requests, workers that answer them. Each request is answered once,
 * by a worker, to the caller that sent it; anything else ends the benchmark.
 */
#pragma once

#include <stdbool.h>

#include "call-script.h"
#include "load.h"
#include "work.h"

struct calls;

/* Connects all, and waits until the server knows the workers. busy: poll without sleeping. All must outlive it. */
struct calls *calls_new(const struct work *work, const struct protocol *protocol, const struct call_script *script,
                        const char *name, bool busy);
void calls_free(struct calls *calls);

/*
 * Each caller sends `depth` requests, and again when all are answered, for so many ns; then waits for what is not
 * answered. Latencies are those of whole batches. Returns how many requests were answered within the ns.
 */
uint64_t calls_run(struct calls *calls, uint64_t ns, struct load_result *ret_result);

/* The time that workers who always have a request take for one, of all requests to all of them, in ns. */
double calls_ideal_ns(const struct work *work);
