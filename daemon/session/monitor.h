/* MONITOR: sessions that get a line of text for every command that runs. */
#pragma once

#include <stddef.h>

#include "protocol.h"

struct bus;
struct command;
struct session;

/* Returns 0 or -ENOMEM. */
int monitor_join(struct bus *bus, struct session *s);

/* No-op unless the session is a monitor. */
void monitor_leave(struct bus *bus, struct session *s);

/* Shows a command of s to all monitors, without passwords. Commands with COMMAND_ADMIN are not shown. */
void monitor_show(struct bus *bus, struct session *s, const struct command *row, const struct slice *argv, size_t argc);
