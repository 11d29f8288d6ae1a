/* Publishing, for EXEC. */
#pragma once

#include <stdbool.h>

#include "command.h"

/* Whether a PUBLISH or SPUBLISH could run now: COMMAND_DONE, or COMMAND_WAIT and then the session waits. */
enum command_result cmd_publish_wait(struct bus *bus, struct session *s, const struct slice *argv, bool is_shard);
