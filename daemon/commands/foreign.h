/* Redis's commands that a bus does not have: a client that sends one takes udsd for a store of data. */
#pragma once

#include <stdbool.h>

#include "protocol.h"

/* Whether a name, in any case, is one of them. */
bool foreign_is_command(struct slice name);
