#include "body.h"

#include <string.h>

#include "buf.h"
#include "entry.h"
#include "memory.h"
#include "protocol.h"
#include "record.h"
#include "resp-reply.h"

#define BODY_NOTE "udsd-"

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
	return entry_fields_but(fields, body_is_note);
}

void
body_put(const struct resp_node *fields, struct buf *b)
{
	const struct resp_node *message = NULL;
	size_t others = 0;
	json_t *record;

	for (const struct resp_node *field = fields + 1; field + 1 <= fields + fields->elements; field += 2) {
		if (!message && resp_node_is(field, ENTRY_MESSAGE))
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
