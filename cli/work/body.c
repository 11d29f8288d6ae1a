#include "body.h"

#include <stdlib.h>
#include <string.h>

#include "buf.h"
#include "memory.h"
#include "protocol.h"
#include "record.h"
#include "resp-reply.h"

#define BODY_NOTE "udsd-"
#define BODY_MESSAGE "message"

bool
body_is_note(const struct resp_node *name)
{
	return name->text.len >= strlen(BODY_NOTE) && memcmp(name->text.p, BODY_NOTE, strlen(BODY_NOTE)) == 0;
}

struct slice
body_find(const struct resp_node *fields, const char *name)
{
	for (const struct resp_node *field = fields + 1; field + 1 <= fields + fields->elements; field += 2)
		if (resp_node_is(field, name))
			return field[1].text;
	return (struct slice){ (const uint8_t *)"", 0 };
}

json_t *
body_record(const struct resp_node *fields)
{
	json_t *record = record_new();

	for (const struct resp_node *field = fields + 1; field + 1 <= fields + fields->elements; field += 2) {
		char *name;

		if (body_is_note(field))
			continue;
		name = strndup((const char *)field->text.p, field->text.len);
		memory_check(name ? 0 : -1);
		for (char *p = name; *p; p++)
			*p = (unsigned char)*p < 0x80 ? *p : '?';
		record_set_bytes(record, name, field[1].text);
		free(name);
	}
	return record;
}

void
body_put(const struct resp_node *fields, struct buf *b)
{
	const struct resp_node *message = NULL;
	size_t others = 0;
	json_t *record;

	for (const struct resp_node *field = fields + 1; field + 1 <= fields + fields->elements; field += 2) {
		if (!message && resp_node_is(field, BODY_MESSAGE))
			message = field + 1;
		else
			others += !body_is_note(field);
	}
	if (message && others == 0) {
		memory_check(buf_append(b, message->text.p, message->text.len));
		return;
	}
	record = body_record(fields);
	record_print(record, b);
	json_decref(record);
}
