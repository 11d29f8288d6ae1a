/* JSON for programs: one object in a line. Bytes that are no UTF-8 stand as base64 under KEY_base64. */
#pragma once

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

#include "protocol.h"

/* Never NULL. */
json_t *json_new(void);

/* Sets a text, or its base64. */
void json_put_text(json_t *object, const char *key, struct slice text);
void json_put_string(json_t *object, const char *key, const char *text);
void json_put_integer(json_t *object, const char *key, long long value);
/* Takes over the value. */
void json_put_object(json_t *object, const char *key, json_t *value);
void json_put_real(json_t *object, const char *key, double value);

/* Whether it can be shown as it is: UTF-8. */
bool json_is_text(struct slice text);

/* Prints the object, a line, and releases it. */
void json_print(json_t *object);
