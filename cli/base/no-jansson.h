/*
 * Stands in for jansson in a build without JSON, -Djson=false: records can be made and stay empty. Nobody asks for one
 * then, since record_is_possible() has refused what would print it.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#define JANSSON_IS_MISSING

#define JSON_COMPACT 0
#define JSON_ENCODE_ANY 0
#define JSON_REAL_PRECISION(n) 0
#define JSON_REJECT_DUPLICATES 0
#define JSON_ALLOW_NUL 0
#define json_is_object(value) ((value) && false)
#define json_is_array(value) ((value) && false)
#define json_is_string(value) ((value) && false)
#define json_object_foreach(object, key, value) for (key = "", value = object; value; value = NULL)
#define json_array_foreach(array, i, value) for (i = 0, value = array; value && i == 0; value = NULL)

typedef long long json_int_t;
typedef struct json {
	int unused;
} json_t;

typedef int (*json_dump_callback_t)(const char *text, size_t size, void *arg);

static inline json_t *
json_object(void)
{
	static json_t none;

	return &none;
}

static inline json_t *
json_null(void)
{
	return json_object();
}

static inline json_t *
json_array(void)
{
	return json_object();
}

static inline int
json_array_append_new(json_t *array, json_t *value)
{
	(void)array;
	(void)value;
	return 0;
}

static inline json_t *
json_object_get(const json_t *object, const char *key)
{
	(void)object;
	(void)key;
	return NULL;
}

static inline json_t *
json_loadb(const char *text, size_t len, size_t flags, void *error)
{
	(void)text;
	(void)len;
	(void)flags;
	(void)error;
	return NULL;
}

static inline const char *
json_string_value(const json_t *text)
{
	(void)text;
	return NULL;
}

static inline size_t
json_string_length(const json_t *text)
{
	(void)text;
	return 0;
}

static inline json_t *
json_integer(json_int_t value)
{
	(void)value;
	return json_object();
}

static inline json_t *
json_real(double value)
{
	(void)value;
	return json_object();
}

static inline json_t *
json_stringn_nocheck(const char *text, size_t len)
{
	(void)text;
	(void)len;
	return json_object();
}

static inline json_t *
json_stringn(const char *text, size_t len)
{
	return json_stringn_nocheck(text, len);
}

static inline int
json_object_set_new_nocheck(json_t *object, const char *key, json_t *value)
{
	(void)object;
	(void)key;
	(void)value;
	return 0;
}

static inline int
json_dump_callback(const json_t *value, json_dump_callback_t callback, void *arg, size_t flags)
{
	(void)value;
	(void)callback;
	(void)arg;
	(void)flags;
	return 0;
}

static inline void
json_decref(json_t *value)
{
	(void)value;
}
