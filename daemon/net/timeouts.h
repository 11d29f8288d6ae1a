/*
 * Disconnects clients for what they have not done for too long, which no event reports: receivers that read nothing
 * (slow_timeout), idle clients (idle_timeout), waiting clients that have gone.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct bus;

void timeouts_check_slow(struct bus *bus);
void timeouts_check_idle(struct bus *bus);
void timeouts_check_gone(struct bus *bus);

/* Whether some client waits that has to be asked whether it is still there. */
bool timeouts_must_ask(const struct bus *bus);

/* Call when the daemon itself did not run for so long: no client is at fault for that time. */
void timeouts_forgive(struct bus *bus, uint64_t ms);
