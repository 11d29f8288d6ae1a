/* The texts that a client sets about itself: its name, and the name and version of its library. */
#pragma once

#include <stdbool.h>

#include "protocol.h"

struct bus;
struct client;
struct session;

enum client_text { CLIENT_NAME, CLIENT_LIB_NAME, CLIENT_LIB_VERSION };

/* Returns whether a text is short, printable ASCII without blanks; otherwise replies "ERR WHAT cannot contain ...". */
bool cmd_client_require_text(struct bus *bus, struct session *s, struct slice text, const char *what);

/* Sets a text that was checked; an empty one is removed. Returns false after an error reply, without memory. */
bool cmd_client_set_text(struct bus *bus, struct session *s, enum client_text which, struct slice text);

/* TYPE of CLIENT LIST and KILL. */
enum client_type { CLIENT_TYPE_ANY, CLIENT_TYPE_NORMAL, CLIENT_TYPE_PUBSUB, CLIENT_TYPE_NONE };

/* Returns whether there is such a type; otherwise replies an error. */
bool cmd_client_require_type(struct bus *bus, struct session *s, struct slice text, enum client_type *ret_type);

bool cmd_client_is_of_type(const struct client *c, enum client_type type);

/* Whether the session may see the other client, and close it. */
bool cmd_client_is_visible(const struct bus *bus, const struct session *s, const struct client *other);
