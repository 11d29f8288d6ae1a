/*
 * The conversation about streams with hiredis: see streams-interop.bats. A second connection blocks.
 *
 * usage: streams-hiredis RESP SOCKET (RESP: 2, or 3 with hiredis 1.0 and later)
 */
#include <err.h>
#include <hiredis/hiredis.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define N 1002
#define RETRY_US 20000

static const char *path;
static int resp;
static redisContext *hub, *reader;
static char ids[N][48];

static redisReply *
checked(redisContext *context, redisReply *reply)
{
	if (!reply || reply->type == REDIS_REPLY_ERROR)
		errx(1, "%s", reply ? reply->str : context->errstr);
	return reply;
}

static redisContext *
connect_to_hub(void)
{
	redisContext *context = redisConnectUnix(path);

	if (!context || context->err)
		errx(1, "%s: %s", path, context ? context->errstr : "no memory");
	if (resp == 3)
		freeReplyObject(checked(context, redisCommand(context, "HELLO 3")));
	return context;
}

static redisReply *
ask(const char *format, ...)
{
	redisReply *reply;
	va_list ap;

	va_start(ap, format);
	reply = redisvCommand(hub, format, ap);
	va_end(ap);
	return checked(hub, reply);
}

static void
expect_integer(redisReply *reply, long long wanted)
{
	if (reply->type != REDIS_REPLY_INTEGER || reply->integer != wanted)
		errx(1, "type %d, %lld instead of %lld", reply->type, reply->integer, wanted);
	freeReplyObject(reply);
}

static void
expect_bytes(const redisReply *reply, const char *bytes, size_t len)
{
	if (reply->type != REDIS_REPLY_STRING || reply->len != len || memcmp(reply->str, bytes, len) != 0)
		errx(1, "type %d, '%s' instead of '%s'", reply->type, reply->str ? reply->str : "", bytes);
}

/* The entries of one stream in an answer of XREAD: an array of pairs, or a map in RESP3. */
static const redisReply *
entries_of(const redisReply *reply)
{
	if (resp == 3 && reply->elements == 2)
		return reply->element[1];
	if (resp != 3 && reply->elements == 1 && reply->element[0]->elements == 2)
		return reply->element[0]->element[1];
	errx(1, "not the entries of one stream: type %d, %zu elements", reply->type, reply->elements);
}

/* Entries first..end-1, by their ids and their field n; frees the answer that they are in. */
static void
expect_entries(redisReply *answer, const redisReply *entries, int first, int end)
{
	char n[16];

	if (entries->elements != (size_t)(end - first))
		errx(1, "%zu entries instead of %d", entries->elements, end - first);
	for (int i = first; i < end; i++) {
		const redisReply *entry = entries->element[i - first];

		expect_bytes(entry->element[0], ids[i], strlen(ids[i]));
		snprintf(n, sizeof(n), "%d", i);
		expect_bytes(entry->element[1]->element[1], n, strlen(n));
	}
	freeReplyObject(answer);
}

static void
keep_id(int i, const redisReply *reply)
{
	snprintf(ids[i], sizeof(ids[i]), "%s", reply->str);
}

static void
say(const char *line)
{
	puts(line);
	fflush(stdout);
}

static void
add(void)
{
	char bytes[258];
	redisReply *reply, *first;

	for (size_t i = 0; i < 256; i++)
		bytes[i] = (char)i;
	bytes[256] = '\r';
	bytes[257] = '\n';
	first = ask("XADD jobs * text %b empty %b", bytes, sizeof(bytes), "", (size_t)0);
	for (int i = 0; i < N - 2; i++)
		redisAppendCommand(hub, "XADD jobs * n %d", i);
	for (int i = 0; i < N - 2; i++) {
		if (redisGetReply(hub, (void **)&reply) != REDIS_OK)
			errx(1, "%s", hub->errstr);
		keep_id(i, checked(hub, reply));
		freeReplyObject(reply);
	}
	expect_integer(ask("XLEN jobs"), N - 1);
	freeReplyObject(ask("MULTI"));
	freeReplyObject(ask("XADD jobs * n %d", N - 2));
	freeReplyObject(ask("XADD jobs * n %d", N - 1));
	reply = ask("EXEC");
	keep_id(N - 2, reply->element[0]);
	keep_id(N - 1, reply->element[1]);
	freeReplyObject(reply);
	say("added");

	reply = ask("XRANGE jobs - + COUNT 1");
	expect_bytes(reply->element[0]->element[0], first->str, first->len);
	expect_bytes(reply->element[0]->element[1]->element[1], bytes, sizeof(bytes));
	expect_bytes(reply->element[0]->element[1]->element[3], "", 0);
	freeReplyObject(reply);
	reply = ask("XREAD COUNT 5000 STREAMS jobs %s", first->str);
	expect_entries(reply, entries_of(reply), 0, N);
	freeReplyObject(first);
	say("read");
}

static void
wait_until_blocked(void)
{
	for (;;) {
		redisReply *info = ask("INFO");
		const char *field = strstr(info->str, "blocked_clients:");
		int n = field ? atoi(field + strlen("blocked_clients:")) : -1;

		freeReplyObject(info);
		if (n > 0)
			return;
		usleep(RETRY_US);
	}
}

/* One connection waits for an entry that the other one adds. */
static void
check_blocking(void)
{
	static char last[48] = "0-0";
	const redisReply *entry;
	redisReply *reply, *id;
	int done = 0;

	redisAppendCommand(reader, "XREAD BLOCK 60000 STREAMS news $");
	while (!done && redisBufferWrite(reader, &done) == REDIS_OK)
		;
	wait_until_blocked();
	id = ask("XADD news * text hello");
	if (redisGetReply(reader, (void **)&reply) != REDIS_OK)
		errx(1, "%s", reader->errstr);
	entry = entries_of(checked(reader, reply))->element[0];
	expect_bytes(entry->element[0], id->str, id->len);
	if (strcmp(id->str, last) <= 0)
		errx(1, "%s after %s", id->str, last);
	snprintf(last, sizeof(last), "%s", id->str);
	freeReplyObject(reply);
	reply = redisCommand(reader, "XREAD BLOCK 1 STREAMS news %s", id->str);
	if (checked(reader, reply)->type != REDIS_REPLY_NIL)
		errx(1, "an answer of type %d to nothing", reply->type);
	freeReplyObject(reply);
	freeReplyObject(id);
}

static void
work(void)
{
	redisContext *alice = connect_to_hub();
	redisReply *reply;

	freeReplyObject(ask("XGROUP CREATE jobs workers %s", ids[N - 11]));
	reply = redisCommand(alice, "XREADGROUP GROUP workers alice COUNT 6 STREAMS jobs >");
	expect_entries(reply, entries_of(checked(alice, reply)), N - 10, N - 4);
	reply = redisCommand(alice, "XACK jobs workers %s %s %s %s", ids[N - 10], ids[N - 9], ids[N - 8], ids[N - 7]);
	expect_integer(checked(alice, reply), 4);
	reply = ask("XREADGROUP GROUP workers bob STREAMS jobs >");
	expect_entries(reply, entries_of(reply), N - 4, N);
	say("worked");

	/* alice ends without a word. */
	redisFree(alice);
	reply = ask("XPENDING jobs workers - + 10 alice");
	if (reply->elements != 2 || reply->element[0]->element[3]->integer != 1)
		errx(1, "XPENDING: %zu entries", reply->elements);
	freeReplyObject(reply);
	reply = ask("XAUTOCLAIM jobs workers bob 0 0-0 COUNT 2");
	expect_entries(reply, reply->element[1], N - 6, N - 4);
	expect_integer(ask("XACK jobs workers %s %s", ids[N - 6], ids[N - 5]), 2);
	say("claimed");
}

/* Everything is there. hiredis connects again when it is told to. */
static void
check_again(void)
{
	redisReply *reply;

	if (redisReconnect(hub) != REDIS_OK || redisReconnect(reader) != REDIS_OK)
		errx(1, "%s%s", hub->errstr, reader->errstr);
	if (resp == 3) {
		freeReplyObject(ask("HELLO 3"));
		freeReplyObject(checked(reader, redisCommand(reader, "HELLO 3")));
	}
	expect_integer(ask("XLEN jobs"), N + 1);
	reply = ask("XPENDING jobs workers");
	expect_bytes(reply->element[1], ids[N - 4], strlen(ids[N - 4]));
	expect_bytes(reply->element[2], ids[N - 1], strlen(ids[N - 1]));
	expect_bytes(reply->element[3]->element[0]->element[0], "bob", 3);
	freeReplyObject(reply);
	reply = ask("XREADGROUP GROUP workers bob STREAMS jobs 0");
	expect_entries(reply, entries_of(reply), N - 4, N);
	check_blocking();
	say("again");
}

int
main(int argc, char **argv)
{
	char line[64];

	if (argc != 3)
		errx(64, "usage: streams-hiredis RESP SOCKET");
	resp = atoi(argv[1]);
	path = argv[2];
	hub = connect_to_hub();
	reader = connect_to_hub();
	add();
	check_blocking();
	say("blocked");
	work();
	/* Each line says that the hub was killed or stopped, and started again. */
	while (fgets(line, sizeof(line), stdin))
		check_again();
	expect_integer(ask("XACK jobs workers %s %s %s %s", ids[N - 4], ids[N - 3], ids[N - 2], ids[N - 1]), 4);
	redisFree(hub);
	redisFree(reader);
	say("bye");
	return 0;
}
