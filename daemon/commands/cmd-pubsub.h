/* What other commands need of PUBLISH and SUBSCRIBE: whether they may run, and whether a publication would wait. */
#pragma once

#include <stdbool.h>

#include "command.h"

/* Returns whether the name of a channel, or a pattern, is short enough; otherwise replies an error. */
bool cmd_require_name(struct bus *bus, struct session *s, struct slice name);

/* Counts, logs and replies that the session may not do that: `verb` the channel. */
void cmd_refuse_channel(struct bus *bus, struct session *s, const char *verb, struct slice name);

/*
 * Returns whether the session has the right to use the channels that a command names; otherwise replies an error. A
 * command that names none may always run.
 */
bool cmd_require_channels(struct bus *bus, struct session *s, const struct command *row, const struct slice *argv,
                          size_t argc);

/* As SUBSCRIBE of one channel: replies the confirmation, or an error. Returns whether the session is subscribed. */
bool cmd_subscribe_one(struct bus *bus, struct session *s, struct slice channel);

/*
 * Returns whether a PUBLISH or SPUBLISH would have to wait now; then the session waits. Otherwise adds to *memory what
 * its message would take in the queues of its receivers.
 */
bool cmd_publish_must_wait(struct bus *bus, struct session *s, const struct slice *argv, bool is_shard,
                           uint64_t *memory);
