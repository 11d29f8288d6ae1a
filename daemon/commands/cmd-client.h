/* What clients say of themselves, for the commands that set it. */
#pragma once

#include <stdbool.h>

#include "protocol.h"

struct bus;
struct session;

enum client_text { CLIENT_NAME, CLIENT_LIB_NAME, CLIENT_LIB_VERSION };

/* Whether a text has only printable ASCII without blanks; else an error is replied: "WHAT cannot contain ...". */
bool cmd_client_check_text(struct bus *bus, struct session *s, struct slice text, const char *what);

/* Sets a checked text, or removes it where it is empty. Returns false, after an error reply, when there is no memory.
 */
bool cmd_client_set_text(struct bus *bus, struct session *s, enum client_text which, struct slice text);
