#include "entry.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base64.h"
#include "cleanup.h"
#include "memory.h"
#include "record.h"

#define BASE64 "_base64"

bool
entry_read(const struct resp_node *node, struct entry *ret_entry)
{
	const struct resp_node *id = node + 1, *fields = node + 2;

	if (node->type != RESP_ARRAY || node->elements < 2 || id->type != RESP_BULK || fields->type != RESP_ARRAY ||
	    fields->elements % 2 != 0 || !entry_id_parse(id->text, 0, &ret_entry->id))
		return false;
	for (size_t i = 1; i <= fields->elements; i++)
		if (fields[i].type != RESP_BULK)
			return false;
	ret_entry->fields = fields;
	return true;
}

bool
entry_is_message(const struct entry *e, struct slice *ret_message)
{
	const struct resp_node *field = e->fields + 1, *message = NULL;

	for (; field < e->fields + e->fields->elements; field += 2) {
		if (resp_node_is(field, ENTRY_SENDER))
			continue;
		if (message || !resp_node_is(field, ENTRY_MESSAGE))
			return false;
		message = field;
	}
	if (message)
		*ret_message = message[1].text;
	return message != NULL;
}

static bool
entry_is_base64_name(struct slice name)
{
	size_t len = strlen(BASE64);

	return name.len >= len && memcmp(name.p + name.len - len, BASE64, len) == 0;
}

/* Adds a field to the object. Returns false where an object cannot have it. */
static bool
entry_add_field(json_t *object, struct slice name, struct slice value)
{
	_cleanup_free_ char *key = memory_alloc(name.len + sizeof(BASE64)), *letters = NULL;
	json_t *text = json_stringn((const char *)name.p, name.len); /* NULL: not UTF-8 */

	json_decref(text);
	if (!text || memchr(name.p, '\0', name.len))
		return false;
	memcpy(key, name.p, name.len);
	text = entry_is_base64_name(name) ? NULL : json_stringn((const char *)value.p, value.len);
	if (!text) {
		letters = memory_resize(NULL, base64_size(value.len) + 1);
		text = json_stringn_nocheck(letters, base64_put(letters, value.p, value.len));
		stpcpy(key + name.len, BASE64);
	}
	if (json_object_get(object, key)) {
		json_decref(text);
		return false;
	}
	record_set(object, key, text);
	return true;
}

/* The form for names that an object cannot have. */
static json_t *
entry_list_fields(const struct resp_node *fields, entry_skips *skips)
{
	json_t *list = json_array(), *field;

	memory_check(list ? 0 : -1);
	for (size_t i = 1; i < fields->elements; i += 2) {
		if (skips && skips(&fields[i]))
			continue;
		field = record_new();
		record_set_bytes(field, "name", fields[i].text);
		record_set_bytes(field, "value", fields[i + 1].text);
		memory_check(json_array_append_new(list, field));
	}
	return list;
}

json_t *
entry_fields_but(const struct resp_node *fields, entry_skips *skips)
{
	json_t *object = record_new();

	for (size_t i = 1; i < fields->elements; i += 2) {
		if ((skips && skips(&fields[i])) || entry_add_field(object, fields[i].text, fields[i + 1].text))
			continue;
		json_decref(object);
		return entry_list_fields(fields, skips);
	}
	return object;
}

json_t *
entry_fields(const struct entry *e)
{
	return entry_fields_but(e->fields, NULL);
}

void
entry_put_fields(const struct entry *e, struct buf *b)
{
	json_t *fields = entry_fields(e);

	record_print(fields, b);
	json_decref(fields);
}
