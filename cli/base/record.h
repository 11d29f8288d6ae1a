/*
 * An object of JSON that is printed as one line, for programs: jansson's, with what udsctl needs beside.
 * Bytes that a peer chose need not be UTF-8, which JSON's strings are.
 */
#pragma once

#include <jansson.h>
#include <stdbool.h>

#include "protocol.h"

struct buf;

/* An empty object; json_decref() releases it. */
json_t *record_new(void);

/* Sets the key to the value, a new reference that now belongs to the record. key: text that stays. */
void record_set(json_t *record, const char *key, json_t *value);

/* Sets `key` to the bytes where they are UTF-8, else `key`_base64 to their base64. */
void record_set_bytes(json_t *record, const char *key, struct slice bytes);

/* The same for a text that ends with NUL. */
void record_set_string(json_t *record, const char *key, const char *text);

/* Whether it can be shown as it is: UTF-8. */
bool record_is_text(struct slice bytes);

/* Prints the record on stdout, with a newline, and releases it. */
void record_write(json_t *record);

/* Appends the value without a newline, in the order in which keys were set. */
void record_print(const json_t *value, struct buf *b);
