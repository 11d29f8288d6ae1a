/* The texts that a client sets about itself: its name, and the name and version of its library. */
#pragma once

#include <stdbool.h>

#include "protocol.h"

struct bus;
struct session;

enum client_text { CLIENT_NAME, CLIENT_LIB_NAME, CLIENT_LIB_VERSION };

/* Returns whether a text is short, printable ASCII without blanks; otherwise replies "ERR WHAT cannot contain ...". */
bool cmd_client_require_text(struct bus *bus, struct session *s, struct slice text, const char *what);

/* Sets a text that was checked; an empty one is removed. Returns false after an error reply, without memory. */
bool cmd_client_set_text(struct bus *bus, struct session *s, enum client_text which, struct slice text);
