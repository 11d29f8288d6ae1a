/* Publishing and subscribing, for transactions. */
#pragma once

#include <stdbool.h>

#include "command.h"

/* Whether a channel's name or a pattern is short enough; else an error is replied. */
bool cmd_check_name(struct bus *bus, struct session *s, struct slice name);

/* Whether a command may use the channels that it names; else an error is replied. Others may always. */
bool cmd_channels_allowed(struct bus *bus, struct session *s, const struct command *row, const struct slice *argv,
                          size_t argc);

/* Whether a PUBLISH or SPUBLISH could run now: COMMAND_DONE, or COMMAND_WAIT and then the session waits. */
enum command_result cmd_publish_wait(struct bus *bus, struct session *s, const struct slice *argv, bool is_shard);
