/* The message of an entry, for commands and people. Fields whose names begin with "udsd-" are no part of it. */
#pragma once

#include <jansson.h>
#include <stdbool.h>

struct buf;
struct resp_node;

/* The name of a field that udsd has added. */
bool body_is_note(const struct resp_node *name);

/* The value of the field; an empty slice if there is none. fields: names and values in turn. */
struct slice body_find(const struct resp_node *fields, const char *name);

/* Appends the value of "message" if the entry has no other field; else a JSON object of the fields. */
void body_put(const struct resp_node *fields, struct buf *b);

/* That object. */
json_t *body_record(const struct resp_node *fields);
