/*
 * Each answer is written once, into the chunk of replies. That of a CALL goes to the place that its caller's queue has
 * kept for it; that of an ASK is published as if its caller had. Neither ever waits: a worker must not depend on
 * how fast callers read. So if a caller, or those who receive what an ASK publishes, do not keep up, and their user has
 * too much unsent already, the answer is replaced by an error, which says so.
 */
#include "service-replies.h"

#include <stdio.h>

#include "human.h"
#include "num.h"
#include "outq-slot.h"
#include "output-slot.h"
#include "publish.h"
#include "reply.h"
#include "resp-encode.h"
#include "slow-policy.h"
#include "streams-commit.h"

/* Bytes of an error that is sent to a caller, at most. */
#define ERROR_MAX 1024

static struct bus *
service_bus(struct services *services)
{
	return (struct bus *)((char *)services - offsetof(struct bus, services));
}

/* Room for so many bytes of reply to a client, behind the messages that were published before; or NULL: it has died. */
static uint8_t *
service_reserve(struct bus *bus, struct client *c, size_t len)
{
	if (c->state == CLIENT_DEAD)
		return NULL;
	if (bus->batch.messages > 0 && client_is_subscribed(c))
		batch_close(&bus->batch);
	if (writer_reserve(&bus->flow.unicast, len) < 0) {
		flow_out_of_memory(&bus->flow, c);
		return NULL;
	}
	return writer_end(&bus->flow.unicast);
}

/* Puts what was written up to `end` into the slot. */
static void
service_fill(struct bus *bus, struct client *c, struct barrier *slot, const uint8_t *end)
{
	struct chunk *chunk = bus->flow.unicast.chunk;
	size_t offset = chunk->len, len = (size_t)(end - chunk->data) - offset;

	chunk->len += (uint32_t)len;
	bus->flow.work.done += WORK_QUEUE + WORK_BYTES(len);
	output_fill(&bus->flow, c, slot, chunk, offset, len);
}

/* The milliseconds left, the user and the process of the caller: mostly the same ones as of the request before. */
static uint8_t *
service_put_origin(struct bus *bus, uint8_t *p, const struct request *request)
{
	struct sessions *sessions = sessions_of(bus);
	const struct client *caller = request->caller->client;
	uint64_t now_us = services_now_us(&bus->services);
	uint64_t left = request->deadline_us > now_us ? (request->deadline_us - now_us + 999) / 1000 : 0;
	char *text = (char *)sessions->given.text;

	_Static_assert(sizeof(sessions->given.ms_text) >= RESP_HEADER_MAX, "a header");
	_Static_assert(sizeof(sessions->given.text) >= 2 * RESP_HEADER_MAX, "two headers");
	if (sessions->given.ms_left != left || sessions->given.ms_len == 0) {
		sessions->given.ms_left = left;
		sessions->given.ms_len = (uint8_t)resp_put_header((char *)sessions->given.ms_text, ':', left);
	}
	if (sessions->given.caller != caller->id) {
		sessions->given.caller = caller->id;
		if (caller->identity.anonymous)
			text = mempcpy(text, ":-1\r\n", 5);
		else
			text += resp_put_header(text, ':', caller->identity.uid);
		text += resp_put_header(text, ':', caller->identity.anonymous ? 0 : (uint64_t)caller->identity.pid);
		sessions->given.len = (uint8_t)(text - (char *)sessions->given.text);
	}
	p = slice_put(p, (struct slice){ sessions->given.ms_text, sessions->given.ms_len });
	return slice_put(p, (struct slice){ sessions->given.text, sessions->given.len });
}

static struct barrier *
service_give(struct services *services, struct client *worker, struct barrier *slot, const struct request *request,
             struct slice payload)
{
	struct bus *bus = service_bus(services);
	struct slice name = service_name(request->service);
	uint8_t *p = service_reserve(bus, worker, payload.len + name.len + 7 * RESP_HEADER_MAX);
	struct chunk *chunk;
	size_t offset, len;

	if (!p)
		return NULL;
	p += resp_put_header((char *)p, '*', 6);
	p += resp_put_header((char *)p, ':', request_id(request));
	p += resp_put_bulk((char *)p, name.p, name.len);
	p = service_put_origin(bus, p, request);
	p += resp_put_bulk((char *)p, payload.p, payload.len);
	if (slot) {
		service_fill(bus, worker, slot, p);
		return barrier_ref(slot);
	}
	slot = barrier_new(&bus->flow.barriers);
	if (!slot) {
		flow_out_of_memory(&bus->flow, worker);
		return NULL;
	}
	chunk = bus->flow.unicast.chunk;
	offset = chunk->len;
	len = (size_t)(p - chunk->data) - offset;
	chunk->len += (uint32_t)len;
	bus->flow.work.done += WORK_BYTES(len);
	output_queue(&bus->flow, worker, chunk, offset, len, slot, 0);
	return slot;
}

static void
service_give_nothing(struct services *services, struct client *worker, struct barrier *slot)
{
	struct bus *bus = service_bus(services);
	uint8_t *p = service_reserve(bus, worker, 5);

	if (p && client_is_resp3(worker))
		service_fill(bus, worker, slot, mempcpy(p, "_\r\n", 3));
	else if (p)
		service_fill(bus, worker, slot, mempcpy(p, "*-1\r\n", 5));
}

/* Writes "CODE text", at most ERROR_MAX bytes with its NUL. Line ends in it become blanks. */
static void
service_put_error(char *to, const struct request *request, enum request_end how, struct slice text)
{
	struct slice name = service_name(request->service);

	if (how == REQUEST_FAILED)
		snprintf(to, ERROR_MAX, "FAILED %.*s", (int)(text.len < ERROR_MAX ? text.len : ERROR_MAX),
		         (const char *)text.p);
	else if (how == REQUEST_GONE)
		snprintf(to, ERROR_MAX, "GONE the worker of '%.*s' has gone, which may have done it",
		         COMMAND_SHOWN(name));
	else if (how == REQUEST_UNSERVED)
		snprintf(to, ERROR_MAX, "NOSERVICE nobody serves '%.*s'", COMMAND_SHOWN(name));
	else if (request->was_given)
		snprintf(to, ERROR_MAX, "TIMEOUT '%.*s' has not answered within %u ms", COMMAND_SHOWN(name),
		         request->timeout_ms);
	else
		snprintf(to, ERROR_MAX, "TIMEOUT no worker of '%.*s' was free within %u ms", COMMAND_SHOWN(name),
		         request->timeout_ms);
	for (; *to; to++)
		if (*to == '\r' || *to == '\n')
			*to = ' ';
}

/* In place of an answer that there is no room for. */
static void
service_put_too_much(struct bus *bus, char *to, const struct request *request, size_t len)
{
	snprintf(to, ERROR_MAX,
	         "BUSY there is no room for the answer of '%.*s', %zu byte%s: of %s, %llu are unsent "
	         "(queue_limit_per_uid is %llu)",
	         COMMAND_SHOWN(service_name(request->service)), len, human_s(len),
	         identity_text(&request->caller->client->identity).text,
	         (unsigned long long)request->caller->client->user->queued,
	         (unsigned long long)bus->flow.limits.queue_limit_per_uid);
}

static void
service_answer_call(struct bus *bus, const struct request *request, const char *error, struct slice payload)
{
	struct client *c = request->caller->client;
	size_t len = error ? strlen(error) : payload.len;
	uint8_t *p = service_reserve(bus, c, len + RESP_HEADER_MAX + 2);

	if (!p)
		return;
	if (error) {
		sessions_count_error(bus, error);
		*p = '-';
		p = mempcpy(p + 1, error, len);
		service_fill(bus, c, request->slot, mempcpy(p, "\r\n", 2));
	} else {
		service_fill(bus, c, request->slot, p + resp_put_bulk((char *)p, payload.p, len));
	}
}

/* Whether those who receive the channel do not keep up, so that publishers would have to wait. */
static bool
service_must_wait(struct bus *bus, struct slice name, size_t len)
{
	struct channel *channel;

	return bus->flow.n_clogged > 0 &&
	       channels_lookup(&bus->subscriptions.channels, name, false, false, &channel) == 0 && channel &&
	       channel->n_total > 0 && slow_policy_must_wait(&bus->flow, channel, len);
}

/* Returns whether the message was refused, since it cannot be stored: then bus->refusal says why. */
static bool
service_send(struct bus *bus, const struct request *request, const char *error, struct slice payload)
{
	uint8_t name[PROTOCOL_NAME_MAX];
	struct publish_request message = { .name = { name, request->channel_len }, .payload = payload };

	memcpy(name, request->channel, request->channel_len);
	bus->flow.work.done += WORK_LOOKUP;
	if (error) {
		memcpy(name + request->channel_len, SERVICE_ERROR_SUFFIX, strlen(SERVICE_ERROR_SUFFIX));
		message.name.len += strlen(SERVICE_ERROR_SUFFIX);
		message.payload = slice_of(error);
	}
	/* If the rules do not allow it any more, or there is no memory, nobody can be told. */
	return publish_message(bus, request->caller->client, &message) == PUBLISH_REFUSED;
}

/* Publishes the answer, or the error; or why the answer cannot be published. */
static void
service_publish(struct bus *bus, const struct request *request, const char *error, struct slice payload)
{
	struct slice name = { request->channel, request->channel_len };
	char busy[ERROR_MAX];

	if (!error && service_must_wait(bus, name, payload.len)) {
		snprintf(busy, sizeof(busy), "BUSY the receivers of '%.*s' do not keep up", COMMAND_SHOWN(name));
		error = busy;
	} else if (!error && bus->streams && access_is_stored(&bus->access, name, &bus->flow.work.done) &&
	           streams_is_behind(bus->streams)) {
		snprintf(busy, sizeof(busy), "BUSY the store does not keep up");
		error = busy;
	}
	if (service_send(bus, request, error, payload) && !error) {
		snprintf(busy, sizeof(busy), "%s", bus->refusal);
		service_send(bus, request, busy, payload);
	}
}

static void
service_end(struct services *services, const struct request *request, enum request_end how, struct slice text)
{
	struct bus *bus = service_bus(services);
	const struct user *user = request->caller->client->user;
	char error[ERROR_MAX];
	bool is_answer = how == REQUEST_ANSWERED;

	if (!is_answer) {
		bus->flow.work.done += WORK_ERROR;
		service_put_error(error, request, how, text);
	} else if (user->queued + text.len > bus->flow.limits.queue_limit_per_uid) {
		service_put_too_much(bus, error, request, text.len);
		is_answer = false;
	}
	if (!is_answer && how != REQUEST_FAILED)
		service_show(bus, request->caller->client, "error", service_name(request->service), slice_of(error),
		             true);
	if (request->channel)
		service_publish(bus, request, is_answer ? NULL : error, text);
	else if (request->slot)
		service_answer_call(bus, request, is_answer ? NULL : error, text);
}

static bool
service_is_gone(struct services *services, const struct client *c)
{
	return sessions_is_gone(service_bus(services), session_of_const(c));
}

const struct services_ops service_replies = {
	.give = service_give,
	.give_nothing = service_give_nothing,
	.end = service_end,
	.is_gone = service_is_gone,
};

bool
service_require_name(struct bus *bus, struct session *s, struct slice name)
{
	if (name.len > 0 && name.len <= SERVICE_NAME_MAX && !protocol_is_reserved(name))
		return true;
	if (name.len == 0)
		reply_error(bus, s, "ERR a service has a name, of at least one byte");
	else if (name.len > SERVICE_NAME_MAX)
		reply_error(bus, s, "ERR the name has %zu bytes; names of services may have %zu", name.len,
		            SERVICE_NAME_MAX);
	else
		reply_error(bus, s, "NOPERM names that begin with " PROTOCOL_RESERVED " are udsd's own");
	return false;
}

bool
service_require_ms(struct bus *bus, struct session *s, const char *option, struct slice arg, uint64_t least,
                   uint64_t *ret_ms)
{
	int64_t ms;

	if (num_parse_resp(arg.p, arg.len, &ms) != 0 || ms < (int64_t)least || ms > (int64_t)CALLS_MS_MAX) {
		reply_error(bus, s, "ERR %s takes milliseconds, %llu to %llu, not '%.*s'", option,
		            (unsigned long long)least, (unsigned long long)CALLS_MS_MAX, COMMAND_SHOWN(arg));
		return false;
	}
	*ret_ms = (uint64_t)ms;
	return true;
}

void
service_reply_refusal(struct bus *bus, struct session *s, struct slice name, int r)
{
	const struct client *c = &s->client;
	uint64_t cost = 0;

	switch (r) {
	case SERVICES_E_UNSERVED:
		reply_error(bus, s, "NOSERVICE nobody serves '%.*s'", COMMAND_SHOWN(name));
		break;
	case SERVICES_E_BUSY:
		reply_error(bus, s, "BUSY %llu requests wait for '%.*s' already (max_waiting)",
		            (unsigned long long)service_rule_find(bus->services.rules, name, &cost)->max_waiting,
		            COMMAND_SHOWN(name));
		break;
	case SERVICES_E_TOO_MANY:
		reply_error(bus, s, "BUSY the client has %d requests that have not ended", CALLS_MAX);
		break;
	case SERVICES_E_OVER_QUOTA:
		reply_error(bus, s,
		            "BUSY clients of %s have %llu byte%s of requests and unsent output, and there is no room "
		            "for more (queue_limit_per_uid is %llu)",
		            identity_text(&c->identity).text, (unsigned long long)c->user->queued,
		            human_s(c->user->queued), (unsigned long long)bus->flow.limits.queue_limit_per_uid);
		break;
	default:
		reply_error(bus, s, "ERR out of memory");
	}
	bus->flow.work.done += cost;
}
