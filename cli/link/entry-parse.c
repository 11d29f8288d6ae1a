#include "entry-parse.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "base64.h"
#include "entry.h"
#include "memory.h"

#define BASE64 "_base64"

static void
entry_parse_clear(struct entry_text *e)
{
	for (size_t i = 0; i < e->n_words; i++)
		free((void *)e->words[i].p);
	e->n_words = 0;
}

void
entry_parse_deinit(struct entry_text *e)
{
	entry_parse_clear(e);
	free(e->words);
}

/* Adds a word of `len` bytes, which are returned to be filled. */
static uint8_t *
entry_parse_add(struct entry_text *e, size_t len)
{
	uint8_t *copy = memory_alloc(len + 1);

	if (e->n_words == e->cap) {
		e->cap = 2 * e->cap + 8;
		e->words = memory_resize(e->words, e->cap * sizeof(e->words[0]));
	}
	e->words[e->n_words++] = (struct slice){ copy, len };
	return copy;
}

static void
entry_parse_add_bytes(struct entry_text *e, const char *p, size_t len)
{
	memcpy(entry_parse_add(e, len), p, len);
}

/* Adds a text, or the bytes that it is the base64 of. Returns false where it is none. */
static bool
entry_parse_add_text(struct entry_text *e, const json_t *text, bool is_base64)
{
	size_t len = json_string_length(text), room = base64_room(len);
	uint8_t *bytes;
	ssize_t n;

	if (!json_is_string(text))
		return false;
	if (!is_base64) {
		entry_parse_add_bytes(e, json_string_value(text), len);
		return true;
	}
	bytes = entry_parse_add(e, room);
	n = base64_get(bytes, json_string_value(text), len);
	e->words[e->n_words - 1].len = n < 0 ? 0 : (size_t)n;
	return n >= 0;
}

/* Adds the value of a key, or of the key with "_base64". */
static bool
entry_parse_add_member(struct entry_text *e, const json_t *object, const char *key, const char *base64_key)
{
	const json_t *plain = json_object_get(object, key), *encoded = json_object_get(object, base64_key);

	return !plain != !encoded && entry_parse_add_text(e, plain ? plain : encoded, encoded != NULL);
}

/* Adds name and value of a member of the object of fields. */
static bool
entry_parse_add_field(struct entry_text *e, const char *key, const json_t *value)
{
	size_t len = strlen(key), end = strlen(BASE64);
	bool is_base64 = len >= end && strcmp(key + len - end, BASE64) == 0;

	entry_parse_add_bytes(e, key, len - (is_base64 ? end : 0));
	return entry_parse_add_text(e, value, is_base64);
}

static bool
entry_parse_fields(struct entry_text *e, json_t *fields)
{
	bool is_good = json_is_object(fields) || json_is_array(fields);
	const char *key;
	json_t *value;
	size_t i;

	json_object_foreach(fields, key, value)
	{
		is_good = is_good && entry_parse_add_field(e, key, value);
	}
	json_array_foreach(fields, i, value)
	{
		is_good = is_good && entry_parse_add_member(e, value, "name", "name_base64") &&
		          entry_parse_add_member(e, value, "value", "value_base64");
	}
	return is_good && e->n_words > 0;
}

static const char *
entry_parse_object(const json_t *object, struct entry_text *e)
{
	const char *id = json_string_value(json_object_get(object, "id"));
	json_t *fields = json_object_get(object, "fields");

	if (!id || !entry_id_parse(slice_of(id), 0, &e->id))
		return "no \"id\" like \"1795269823250-0\"";
	if (fields)
		return entry_parse_fields(e, fields) ? NULL : "\"fields\" are not those of an entry";
	entry_parse_add_bytes(e, ENTRY_MESSAGE, strlen(ENTRY_MESSAGE));
	return entry_parse_add_member(e, object, "payload", "payload_base64") ? NULL
	                                                                      : "neither \"fields\" nor \"payload\"";
}

const char *
entry_parse(struct slice line, struct entry_text *e)
{
	json_t *object = json_loadb((const char *)line.p, line.len, JSON_REJECT_DUPLICATES | JSON_ALLOW_NUL, NULL);
	const char *mistake = "no JSON object";

	entry_parse_clear(e);
	if (json_is_object(object))
		mistake = entry_parse_object(object, e);
	json_decref(object);
	return mistake;
}
