/* MONITOR: sessions that are shown every command, as it is done, in one line. */
#pragma once

#include <stddef.h>

#include "protocol.h"

struct bus;
struct command;
struct session;

/* Returns 0 or -ENOMEM. */
int monitor_join(struct bus *bus, struct session *s);

/* Does nothing for who is no monitor. */
void monitor_leave(struct bus *bus, struct session *s);

/* Shows a command of s to all monitors; passwords and commands of administrators are not shown. */
void monitor_show(struct bus *bus, struct session *s, const struct command *row, const struct slice *argv, size_t argc);
