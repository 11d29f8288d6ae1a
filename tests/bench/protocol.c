#include "protocol.h"

#include <err.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void
exchange_deinit(struct exchange *x)
{
	buf_deinit(&x->request);
	buf_deinit(&x->answer);
}

void
protocol_add(struct buf *b, const void *data, size_t len)
{
	if (buf_append(b, data, len) < 0)
		errx(1, "no memory");
}

void
protocol_print(struct buf *b, const char *format, ...)
{
	va_list args;
	char *text;
	int n;

	va_start(args, format);
	n = vasprintf(&text, format, args);
	va_end(args);
	if (n < 0)
		errx(1, "no memory");
	protocol_add(b, text, (size_t)n);
	free(text);
}

/* RESP */

static void
resp_ping(struct exchange *x)
{
	protocol_print(&x->request, "*1\r\n$4\r\nPING\r\n");
	protocol_print(&x->answer, "+PONG\r\n");
}

static void
resp_hello(const char *channel, struct exchange *x)
{
	(void)channel;
	resp_ping(x);
}

static void
resp_subscription(const char *command, const char *reply, const char *name, unsigned int n, struct exchange *x)
{
	protocol_print(&x->request, "*2\r\n$%zu\r\n%s\r\n$%zu\r\n%s\r\n", strlen(command), command, strlen(name), name);
	protocol_print(&x->answer, "*3\r\n$%zu\r\n%s\r\n$%zu\r\n%s\r\n:%u\r\n", strlen(reply), reply, strlen(name),
	               name, n);
}

static void
resp_subscribe(const char *channel, unsigned int nth, struct exchange *x)
{
	resp_subscription("SUBSCRIBE", "subscribe", channel, nth, x);
}

static void
resp_unsubscribe(const char *channel, unsigned int nth, struct exchange *x)
{
	resp_subscription("UNSUBSCRIBE", "unsubscribe", channel, nth - 1, x);
}

static void
resp_subscribe_pattern(const char *pattern, unsigned int nth, struct exchange *x)
{
	resp_subscription("PSUBSCRIBE", "psubscribe", pattern, nth, x);
}

static void
resp_join(const char *channel, struct exchange *x)
{
	resp_subscribe(channel, 1, x);
}

static void
resp_message(const char *word, const char *channel, const char *payload, struct buf *b)
{
	protocol_print(b, "*3\r\n$%zu\r\n%s\r\n$%zu\r\n%s\r\n$%zu\r\n%s\r\n", strlen(word), word, strlen(channel),
	               channel, strlen(payload), payload);
}

static void
resp_publish(const char *channel, const char *payload, unsigned int receivers, struct exchange *x, struct buf *delivery)
{
	resp_message("PUBLISH", channel, payload, &x->request);
	resp_message("message", channel, payload, delivery);
	protocol_print(&x->answer, ":%u\r\n", receivers);
}

static void
resp_add(const char *stream, const char *payload, struct exchange *x)
{
	protocol_print(&x->request, "*5\r\n$4\r\nXADD\r\n$%zu\r\n%s\r\n$1\r\n*\r\n$1\r\nf\r\n$%zu\r\n%s\r\n",
	               strlen(stream), stream, strlen(payload), payload);
	protocol_print(&x->answer, "\n\n");
}

const struct protocol protocol_resp = {
	.hello = resp_hello,
	.join = resp_join,
	.subscribe = resp_subscribe,
	.unsubscribe = resp_unsubscribe,
	.subscribe_pattern = resp_subscribe_pattern,
	.publish = resp_publish,
	.add = resp_add,
	.ping = resp_ping,
};

/* The floor: see floor.c for its greetings. Channels end with a digit. */

static void
floor_greet(char role, const char *channel, struct exchange *x)
{
	char group = channel[strlen(channel) - 1];

	protocol_print(&x->request, "%c%c", role, group);
	protocol_print(&x->answer, "%c%c", role, group);
}

static void
floor_hello(const char *channel, struct exchange *x)
{
	floor_greet('P', channel, x);
}

static void
floor_join(const char *channel, struct exchange *x)
{
	floor_greet('R', channel, x);
}

/* A receiver gets the publisher's bytes unchanged; the length is that of RESP's message. */
static void
floor_publish(const char *channel, const char *payload, unsigned int receivers, struct exchange *x,
              struct buf *delivery)
{
	resp_message("PUBLISH", channel, payload, &x->request);
	resp_message("PUBLISH", channel, payload, delivery);
	protocol_print(&x->answer, ":%u\r\n", receivers);
}

const struct protocol protocol_floor = {
	.hello = floor_hello,
	.join = floor_join,
	.subscribe = resp_subscribe,
	.unsubscribe = resp_unsubscribe,
	.publish = floor_publish,
	.add = resp_add,
	.ping = resp_ping,
};

/* NATS: https://docs.nats.io/reference/reference-protocols/nats-protocol */

static void
nats_ping(struct exchange *x)
{
	protocol_print(&x->request, "PING\r\n");
	protocol_print(&x->answer, "PONG\r\n");
}

static void
nats_hello(const char *channel, struct exchange *x)
{
	(void)channel;
	protocol_print(&x->request, "CONNECT {\"verbose\":false,\"pedantic\":false}\r\n");
	nats_ping(x);
}

static void
nats_subscribe(const char *subject, unsigned int nth, struct exchange *x)
{
	protocol_print(&x->request, "SUB %s %u\r\n", subject, nth);
}

static void
nats_unsubscribe(const char *subject, unsigned int nth, struct exchange *x)
{
	(void)subject;
	protocol_print(&x->request, "UNSUB %u\r\n", nth);
}

static void
nats_join(const char *subject, struct exchange *x)
{
	nats_subscribe(subject, 1, x);
}

static void
nats_publish(const char *subject, const char *payload, unsigned int receivers, struct exchange *x, struct buf *delivery)
{
	(void)receivers;
	protocol_print(&x->request, "PUB %s %zu\r\n%s\r\n", subject, strlen(payload), payload);
	protocol_print(delivery, "MSG %s 1 %zu\r\n%s\r\n", subject, strlen(payload), payload);
}

const struct protocol protocol_nats = {
	.hello = nats_hello,
	.join = nats_join,
	.subscribe = nats_subscribe,
	.unsubscribe = nats_unsubscribe,
	.subscribe_pattern = nats_subscribe,
	.publish = nats_publish,
	.ping = nats_ping,
	.flush = nats_ping,
	.noise = "PING\r\n",
};

/* MQTT 3.1.1: https://docs.oasis-open.org/mqtt/mqtt/v3.1.1/os/mqtt-v3.1.1-os.html */

/* The fixed header: packet type and flags, and the length of the rest (section 2.2.3). */
static void
mqtt_header(struct buf *b, unsigned char type, size_t len)
{
	unsigned char byte;

	protocol_add(b, &type, 1);
	do {
		byte = (unsigned char)(len % 128 + (len >= 128 ? 128 : 0));
		protocol_add(b, &byte, 1);
		len /= 128;
	} while (len > 0);
}

static void
mqtt_u16(struct buf *b, size_t n)
{
	unsigned char bytes[2] = { (unsigned char)(n >> 8), (unsigned char)n };

	protocol_add(b, bytes, sizeof(bytes));
}

static void
mqtt_topic(struct buf *b, const char *name)
{
	char byte;

	mqtt_u16(b, strlen(name));
	for (; *name; name++) {
		byte = *name == '.' ? '/' : *name == '*' ? '+' : *name;
		protocol_add(b, &byte, 1);
	}
}

static void
mqtt_ping(struct exchange *x)
{
	mqtt_header(&x->request, 0xc0, 0);
	mqtt_header(&x->answer, 0xd0, 0);
}

/* A clean session without keep-alive; the server chooses the client's name. */
static void
mqtt_hello(const char *channel, struct exchange *x)
{
	static const unsigned char connect[] = { 0, 4, 'M', 'Q', 'T', 'T', 4, 2, 0, 0, 0, 0 };

	(void)channel;
	mqtt_header(&x->request, 0x10, sizeof(connect));
	protocol_add(&x->request, connect, sizeof(connect));
	mqtt_header(&x->answer, 0x20, 2);
	mqtt_u16(&x->answer, 0);
}

static void
mqtt_subscribe(const char *topic, unsigned int nth, struct exchange *x)
{
	mqtt_header(&x->request, 0x82, strlen(topic) + 5);
	mqtt_u16(&x->request, nth);
	mqtt_topic(&x->request, topic);
	protocol_add(&x->request, "", 1);
	mqtt_header(&x->answer, 0x90, 3);
	mqtt_u16(&x->answer, nth);
	protocol_add(&x->answer, "", 1);
}

static void
mqtt_unsubscribe(const char *topic, unsigned int nth, struct exchange *x)
{
	mqtt_header(&x->request, 0xa2, strlen(topic) + 4);
	mqtt_u16(&x->request, nth);
	mqtt_topic(&x->request, topic);
	mqtt_header(&x->answer, 0xb0, 2);
	mqtt_u16(&x->answer, nth);
}

static void
mqtt_join(const char *topic, struct exchange *x)
{
	mqtt_subscribe(topic, 1, x);
}

static void
mqtt_message(const char *topic, const char *payload, struct buf *b)
{
	mqtt_header(b, 0x30, 2 + strlen(topic) + strlen(payload));
	mqtt_topic(b, topic);
	protocol_add(b, payload, strlen(payload));
}

static void
mqtt_publish(const char *topic, const char *payload, unsigned int receivers, struct exchange *x, struct buf *delivery)
{
	(void)receivers;
	mqtt_message(topic, payload, &x->request);
	mqtt_message(topic, payload, delivery);
}

const struct protocol protocol_mqtt = {
	.hello = mqtt_hello,
	.join = mqtt_join,
	.subscribe = mqtt_subscribe,
	.unsubscribe = mqtt_unsubscribe,
	.subscribe_pattern = mqtt_subscribe,
	.publish = mqtt_publish,
	.ping = mqtt_ping,
	.flush = mqtt_ping,
};
