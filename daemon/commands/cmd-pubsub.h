/* What other commands need of PUBLISH and SUBSCRIBE: whether they may run, and whether a publication would wait. */
#pragma once

#include <stdbool.h>

#include "command.h"

/* Returns whether the name of a channel, or a pattern, is short enough; otherwise replies an error. */
bool cmd_require_name(struct bus *bus, struct session *s, struct slice name);

/*
 * Returns whether the session has the right to use the channels that a command names; otherwise replies an error. A
 * command that names none may always run.
 */
bool cmd_require_channels(struct bus *bus, struct session *s, const struct command *row, const struct slice *argv,
                          size_t argc);

/*
 * Returns COMMAND_DONE if a PUBLISH or SPUBLISH could run now, and adds to *memory what its message would take in the
 * queues of its receivers; or COMMAND_WAIT, and then the session waits.
 */
enum command_result cmd_publish_check(struct bus *bus, struct session *s, const struct slice *argv, bool is_shard,
                                      uint64_t *memory);
