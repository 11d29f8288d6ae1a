/* D-Bus: the worker owns a name, and a request is a call of a method. One name has one owner. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "broker.h"
#include "call-script.h"
#include "dbus.h"

#define DRIVER "org.freedesktop.DBus"
#define NAME "udsd.Bench"

static const struct buf dbus_nothing;

/* The broker says which unique name a client has, and then that it has acquired it. */
static void
dbus_hello(const char *channel, struct exchange *x)
{
	const struct dbus_header header = { .type = DBUS_CALL,
		                            .serial = 1,
		                            .path = "/org/freedesktop/DBus",
		                            .interface = DRIVER,
		                            .member = "Hello",
		                            .destination = DRIVER };
	struct buf tail = { 0 };
	char name[24];

	(void)channel;
	dbus_put_auth(&x->request);
	dbus_put_message(&x->request, &header, &dbus_nothing);
	snprintf(name, sizeof(name), ":1.%u", broker_count_client());
	protocol_add(&tail, "\x03\x01s", 4);
	dbus_put_string(&tail, "NameAcquired");
	dbus_align(&tail, 8);
	protocol_add(&tail, "\x08\x01g\0\x01s\0", 8);
	dbus_put_string(&tail, name);
	protocol_add(&x->answer, tail.data, tail.len);
	buf_deinit(&tail);
}

/* The last word is the answer, 1: it owns the name. */
static void
dbus_serve(struct exchange *x)
{
	const struct dbus_header header = { .type = DBUS_CALL,
		                            .serial = 2,
		                            .path = "/org/freedesktop/DBus",
		                            .interface = DRIVER,
		                            .member = "RequestName",
		                            .destination = DRIVER,
		                            .signature = "su" };
	struct buf body = { 0 };

	dbus_put_string(&body, NAME);
	dbus_put_u32(&body, 0);
	dbus_put_message(&x->request, &header, &body);
	buf_deinit(&body);
	protocol_add(&x->answer, "\x08\x01g\0\x01u\0\0\x01\0\0", 12);
}

static void
dbus_call(unsigned int caller, unsigned int nth, const char *payload, struct buf *b)
{
	struct dbus_header header = { .type = DBUS_CALL,
		                      .path = "/",
		                      .interface = NAME,
		                      .member = "Call",
		                      .destination = NAME,
		                      .signature = "s" };
	struct buf body = { 0 };

	(void)caller;
	(void)nth;
	header.serial = (uint32_t)strtoull(payload + 1, NULL, 10) + 2;
	dbus_put_string(&body, payload);
	dbus_put_message(b, &header, &body);
	buf_deinit(&body);
}

static void
dbus_answer(const char *token, const char *payload, struct buf *b)
{
	struct dbus_header header = { .type = DBUS_RETURN, .serial = 3, .signature = "s" };
	struct buf body = { 0 };

	header.reply_serial = (uint32_t)strtoull(token, NULL, 10);
	header.destination = strchr(token, ':');
	dbus_put_string(&body, payload);
	dbus_put_message(b, &header, &body);
	buf_deinit(&body);
}

static void
dbus_read_frame(const char *data, size_t len, enum dbus_type wanted, struct call_frame *frame)
{
	struct dbus_message message;

	frame->len = dbus_read(data, len, &message);
	if (frame->len == 0)
		return;
	frame->is_error = message.type == DBUS_ERROR;
	if (message.type != wanted)
		return;
	snprintf(frame->payload, sizeof(frame->payload), "%s", message.text);
	snprintf(frame->token, sizeof(frame->token), "%u%s", message.serial, message.sender);
}

static void
dbus_read_request(const char *data, size_t len, struct call_frame *ret_frame)
{
	dbus_read_frame(data, len, DBUS_CALL, ret_frame);
}

static void
dbus_read_answer(const char *data, size_t len, struct call_frame *ret_frame)
{
	dbus_read_frame(data, len, DBUS_RETURN, ret_frame);
}

const struct protocol protocol_dbus = {
	.hello = dbus_hello,
};

const struct call_script call_script_dbus = {
	.has_one_worker = true,
	.serve = dbus_serve,
	.call = dbus_call,
	.answer = dbus_answer,
	.read_request = dbus_read_request,
	.read_answer = dbus_read_answer,
};
