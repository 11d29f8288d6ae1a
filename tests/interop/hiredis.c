/*
 * The conversation with hiredis: a blocking connection publishes, one in libevent's loop receives.
 * hiredis connects again when it is told to, and the program subscribes again.
 *
 * usage: hiredis RESP SOCKET (RESP: 2, or 3 with hiredis 1.0 and later)
 */
#include <err.h>
#include <event2/event.h>
#include <hiredis/adapters/libevent.h>
#include <hiredis/async.h>
#include <hiredis/hiredis.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>
#include <unistd.h>

#define RETRY_US 20000

/* What came: "message news", "pmessage weather.* weather.oslo" or "subscribe news", and a message's bytes. */
struct message {
	STAILQ_ENTRY(message) entry;
	char head[64];
	char *bytes;
	size_t len;
};

static const char *path;
static int resp;
static struct event_base *base;
static redisContext *bus;
static redisAsyncContext *sub;
static STAILQ_HEAD(, message) received = STAILQ_HEAD_INITIALIZER(received);

static void subscribe(void);

/* A reply belongs to hiredis, which frees it when the callback returns. */
static void
received_cb(redisAsyncContext *ac, void *r, void *arg)
{
	const redisReply *reply = r, *last;
	struct message *message;

	(void)ac;
	(void)arg;
	if (!reply)
		return; /* the connection is gone */
	if (reply->elements < 3 || reply->elements > 4)
		errx(1, "not a message: type %d, %s", reply->type, reply->str ? reply->str : "");
	last = reply->element[reply->elements - 1];
	message = calloc(1, sizeof(*message) + last->len);
	if (!message)
		err(1, "calloc");
	snprintf(message->head, sizeof(message->head), "%s %s%s%s", reply->element[0]->str, reply->element[1]->str,
	         reply->elements == 4 ? " " : "", reply->elements == 4 ? reply->element[2]->str : "");
	message->len = last->len;
	message->bytes = (char *)(message + 1);
	if (last->len > 0)
		memcpy(message->bytes, last->str, last->len);
	STAILQ_INSERT_TAIL(&received, message, entry);
}

static void
retry_cb(evutil_socket_t fd, short events, void *arg)
{
	(void)fd;
	(void)events;
	(void)arg;
	subscribe();
}

static void
retry_soon(void)
{
	event_base_once(base, -1, EV_TIMEOUT, retry_cb, NULL, &(struct timeval){ .tv_usec = RETRY_US });
}

static void
connected_cb(const redisAsyncContext *ac, int status)
{
	(void)ac;
	if (status != REDIS_OK)
		retry_soon();
}

static void
disconnected_cb(const redisAsyncContext *ac, int status)
{
	(void)ac;
	if (status != REDIS_OK)
		retry_soon();
}

/* Connects, and subscribes to what was subscribed to before. */
static void
subscribe(void)
{
	static bool again = false;

	sub = redisAsyncConnectUnix(path);
	if (!sub)
		errx(1, "no memory");
	if (sub->err) {
		redisAsyncFree(sub);
		retry_soon();
		return;
	}
	redisLibeventAttach(sub, base);
	redisAsyncSetConnectCallback(sub, connected_cb);
	redisAsyncSetDisconnectCallback(sub, disconnected_cb);
	if (resp == 3)
		redisAsyncCommand(sub, NULL, NULL, "HELLO 3 SETNAME receiver");
	redisAsyncCommand(sub, received_cb, NULL, again ? "SUBSCRIBE news" : "SUBSCRIBE news gone");
	redisAsyncCommand(sub, received_cb, NULL, "PSUBSCRIBE weather.*");
	again = true;
}

/* Waits for the next message, which has to be this one. */
static void
expect(const char *head, const char *bytes, size_t len)
{
	struct message *message;

	while (STAILQ_EMPTY(&received)) {
		if (event_base_loop(base, EVLOOP_ONCE) != 0)
			errx(1, "nothing to wait for");
	}
	message = STAILQ_FIRST(&received);
	if (strcmp(message->head, head) != 0)
		errx(1, "'%s' instead of '%s'", message->head, head);
	if (message->len != len || memcmp(message->bytes, bytes, len) != 0)
		errx(1, "%s: %zu other bytes instead of %zu", head, message->len, len);
	STAILQ_REMOVE_HEAD(&received, entry);
	free(message);
}

static redisReply *
checked(redisReply *reply)
{
	if (!reply || reply->type == REDIS_REPLY_ERROR)
		errx(1, "%s", reply ? reply->str : bus->errstr);
	return reply;
}

static void
greet(void)
{
	if (resp == 3)
		freeReplyObject(checked(redisCommand(bus, "HELLO 3 SETNAME publisher")));
	else
		freeReplyObject(checked(redisCommand(bus, "CLIENT SETNAME publisher")));
}

static void
expect_integer(redisReply *reply, long long wanted)
{
	checked(reply);
	if (reply->type != REDIS_REPLY_INTEGER || reply->integer != wanted)
		errx(1, "type %d, %lld instead of %lld", reply->type, reply->integer, wanted);
	freeReplyObject(reply);
}

static void
publish(const char *channel, const char *bytes, size_t len, long long receivers)
{
	redisReply *reply = redisCommand(bus, "PUBLISH %s %b", channel, bytes, len);

	if (!reply) {
		if (redisReconnect(bus) != REDIS_OK)
			errx(1, "%s", bus->errstr);
		greet();
		reply = redisCommand(bus, "PUBLISH %s %b", channel, bytes, len);
	}
	expect_integer(reply, receivers);
}

static void
publish_to_both(const char *bytes, size_t len)
{
	publish("news", bytes, len, 1);
	publish("weather.oslo", bytes, len, 1);
	expect("message news", bytes, len);
	expect("pmessage weather.* weather.oslo", bytes, len);
}

static void
say(const char *line)
{
	puts(line);
	fflush(stdout);
}

static void
readable_cb(evutil_socket_t fd, short events, void *arg)
{
	(void)fd;
	(void)events;
	*(bool *)arg = true;
}

/* Waits in the loop for a line on stdin; false at its end. */
static bool
next_line(void)
{
	char line[64];
	bool readable = false;

	event_base_once(base, STDIN_FILENO, EV_READ, readable_cb, &readable, NULL);
	while (!readable)
		event_base_loop(base, EVLOOP_ONCE);
	return read(STDIN_FILENO, line, sizeof(line)) > 0;
}

static void
publish_in_pipeline(void)
{
	redisReply *reply;
	char text[16];

	for (int i = 0; i < 1000; i++)
		redisAppendCommand(bus, "PUBLISH news %d", i);
	for (int i = 0; i < 1000; i++) {
		if (redisGetReply(bus, (void **)&reply) != REDIS_OK)
			errx(1, "%s", bus->errstr);
		expect_integer(reply, 1);
	}
	for (int i = 0; i < 1000; i++) {
		int len = snprintf(text, sizeof(text), "%d", i);

		expect("message news", text, (size_t)len);
	}
}

static void
publish_in_transaction(void)
{
	redisReply *reply;

	freeReplyObject(checked(redisCommand(bus, "MULTI")));
	freeReplyObject(checked(redisCommand(bus, "PUBLISH news one")));
	freeReplyObject(checked(redisCommand(bus, "PUBLISH weather.oslo two")));
	reply = checked(redisCommand(bus, "EXEC"));
	if (reply->elements != 2 || reply->element[0]->integer != 1 || reply->element[1]->integer != 1)
		errx(1, "EXEC: %zu answers", reply->elements);
	freeReplyObject(reply);
	expect("message news", "one", 3);
	expect("pmessage weather.* weather.oslo", "two", 3);
}

int
main(int argc, char **argv)
{
	char bytes[258];

	if (argc != 3)
		errx(64, "usage: hiredis RESP SOCKET");
	resp = atoi(argv[1]);
	path = argv[2];
	for (size_t i = 0; i < 256; i++)
		bytes[i] = (char)i;
	bytes[256] = '\r';
	bytes[257] = '\n';

	signal(SIGPIPE, SIG_IGN);
	base = event_base_new();
	bus = redisConnectUnix(path);
	if (!base || !bus || bus->err)
		errx(1, "%s: %s", path, bus ? bus->errstr : "no memory");
	greet();
	publish("news", "x", 1, 0);
	say("nobody");

	subscribe();
	expect("subscribe news", "", 0);
	expect("subscribe gone", "", 0);
	expect("psubscribe weather.*", "", 0);
	say("subscribed");

	publish_to_both("hello", 5);
	publish_to_both(bytes, sizeof(bytes));
	publish_to_both("", 0);
	say("messages");

	publish_in_pipeline();
	say("pipeline");

	publish_in_transaction();
	say("transaction");

	redisAsyncCommand(sub, received_cb, NULL, "UNSUBSCRIBE gone");
	expect("unsubscribe gone", "", 0);
	publish("gone", "x", 1, 0);
	say("unsubscribed");

	while (next_line()) {
		/* hiredis answers to each subscription of the new connection. */
		expect("subscribe news", "", 0);
		expect("psubscribe weather.*", "", 0);
		publish_to_both("again", 5);
		publish("gone", "x", 1, 0);
		say("again");
	}
	redisAsyncDisconnect(sub);
	event_base_dispatch(base);
	redisFree(bus);
	event_base_free(base);
	say("bye");
	return 0;
}
