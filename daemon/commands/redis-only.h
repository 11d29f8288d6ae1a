/*
 * The commands of Redis that udsd does not have. A client that sends one expects a store of all kinds of data, so the
 * error reply says what udsd stores.
 */
#pragma once

#include <stdbool.h>

#include "protocol.h"

/* What looking for a name costs, in units of work. */
#define REDIS_ONLY_WORK 1500

/* Whether a name, in any case, is one of them. */
bool redis_only_is_command(struct slice name);
