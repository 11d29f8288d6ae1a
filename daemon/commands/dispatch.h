/* Runs the commands of sessions, or refuses them. */
#pragma once

#include <stddef.h>

#include "command.h"

/* Runs one command. argc is at least 1. */
enum command_result dispatch(struct bus *bus, struct session *s, const struct slice *argv, size_t argc);
