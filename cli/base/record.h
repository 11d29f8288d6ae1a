/*
 * JSON objects of jansson, each printed as one line for programs. The strings of JSON are UTF-8, but bytes from a peer
 * need not be: those are printed as base64. Control characters are escaped, all of them. Without memory the program
 * ends.
 */
#pragma once

#include <jansson.h>
#include <stdbool.h>

#include "protocol.h"

struct buf;

/* Whether this build has JSON; if not, says that `what` cannot be had. */
bool record_is_possible(const char *what);

/* An empty object; json_decref() releases it. */
json_t *record_new(void);

/* Sets the key to the value, whose reference passes to the record; a NULL value counts as no memory. */
void record_set(json_t *record, const char *key, json_t *value);

/* Sets `key` to the bytes if they are UTF-8, else "KEY_base64" to their base64. */
void record_set_bytes(json_t *record, const char *key, struct slice bytes);

/* The same for a NUL-terminated text. */
void record_set_string(json_t *record, const char *key, const char *text);

/* Sets `key` to the number, which is not negative, rounded to so many decimals. */
void record_set_real(json_t *record, const char *key, double value, int decimals);

/* Prints the record and a newline with print(), and releases it. */
void record_write(json_t *record);

/* Appends the value, without a newline, to b. */
void record_print(const json_t *value, struct buf *b);
