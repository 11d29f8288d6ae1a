#include "dbus.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define HEADER 16 /* bytes before the fields, with the length of these */

void
dbus_align(struct buf *b, size_t to)
{
	while (b->len % to != 0)
		protocol_add(b, "", 1);
}

void
dbus_put_u32(struct buf *b, uint32_t value)
{
	dbus_align(b, 4);
	protocol_add(b, &value, 4);
}

void
dbus_put_u64(struct buf *b, uint64_t value)
{
	dbus_align(b, 8);
	protocol_add(b, &value, 8);
}

void
dbus_put_string(struct buf *b, const char *text)
{
	dbus_put_u32(b, (uint32_t)strlen(text));
	protocol_add(b, text, strlen(text) + 1);
}

void
dbus_put_signature(struct buf *b, const char *text)
{
	protocol_print(b, "%c%s", (int)strlen(text), text);
	protocol_add(b, "", 1);
}

size_t
dbus_begin_array(struct buf *b)
{
	dbus_put_u32(b, 0);
	return b->len - 4;
}

void
dbus_end_array(struct buf *b, size_t place)
{
	size_t first = (place + 4 + 7) / 8 * 8;
	uint32_t len = b->len > first ? (uint32_t)(b->len - first) : 0;

	memcpy(b->data + place, &len, 4);
	dbus_align(b, len > 0 ? 1 : 8);
}

static void
dbus_put_field(struct buf *b, char code, const char *type, const char *text, uint32_t number)
{
	if (!text && number == 0)
		return;
	dbus_align(b, 8);
	protocol_add(b, &code, 1);
	dbus_put_signature(b, type);
	if (!text)
		dbus_put_u32(b, number);
	else if (type[0] == 'g')
		dbus_put_signature(b, text);
	else
		dbus_put_string(b, text);
}

void
dbus_put_message(struct buf *b, const struct dbus_header *header, const struct buf *body)
{
	const char begin[4] = { 'l', (char)header->type, 0, 1 };
	struct buf m = { 0 };
	size_t fields;

	protocol_add(&m, begin, sizeof(begin));
	dbus_put_u32(&m, (uint32_t)body->len);
	dbus_put_u32(&m, header->serial);
	fields = dbus_begin_array(&m);
	dbus_put_field(&m, 1, "o", header->path, 0);
	dbus_put_field(&m, 2, "s", header->interface, 0);
	dbus_put_field(&m, 3, "s", header->member, 0);
	dbus_put_field(&m, 5, "u", NULL, header->reply_serial);
	dbus_put_field(&m, 6, "s", header->destination, 0);
	dbus_put_field(&m, 8, "g", header->signature, 0);
	dbus_put_field(&m, 9, "u", NULL, header->n_fds);
	dbus_end_array(&m, fields);
	dbus_align(&m, 8);
	protocol_add(b, m.data, m.len);
	protocol_add(b, body->data, body->len);
	buf_deinit(&m);
}

void
dbus_put_auth(struct buf *b)
{
	char uid[16];

	snprintf(uid, sizeof(uid), "%u", getuid());
	protocol_add(b, "", 1);
	protocol_print(b, "AUTH EXTERNAL ");
	for (const char *p = uid; *p; p++)
		protocol_print(b, "%02x", *p);
	protocol_print(b, "\r\nNEGOTIATE_UNIX_FD\r\nBEGIN\r\n");
}

static uint32_t
dbus_u32(const char *p)
{
	uint32_t value;

	memcpy(&value, p, 4);
	return value;
}

/* The field of that code, a string; "" if there is none. */
static const char *
dbus_find_string(const char *data, size_t end, char wanted)
{
	for (size_t at = HEADER; at < end;) {
		char code, type;

		at = (at + 7) / 8 * 8;
		code = data[at];
		type = data[at + 2];
		at += 4; /* the signature has one letter */
		if (code == wanted && type == 's')
			return data + at + 4;
		at += type == 'g' ? (size_t)data[at] + 2 : type == 'u' ? 4 : dbus_u32(data + at) + 5;
	}
	return "";
}

size_t
dbus_read(const char *data, size_t len, struct dbus_message *ret_message)
{
	size_t fields, begin, body;

	if (len < HEADER)
		return 0;
	body = dbus_u32(data + 4);
	fields = HEADER + dbus_u32(data + 12);
	begin = (fields + 7) / 8 * 8;
	if (len < begin + body)
		return 0;
	*ret_message = (struct dbus_message){
		.type = (enum dbus_type)data[1],
		.serial = dbus_u32(data + 8),
		.sender = dbus_find_string(data, fields, 7),
		.text = body > 4 ? data + begin + 4 : "",
	};
	return begin + body;
}
