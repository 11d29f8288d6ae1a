#include "listing.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "job.h"
#include "output.h"
#include "output-limit.h"
#include "reply.h"
#include "resp-encode.h"

/* Room for the header of the reply, which is known at the end. */
#define HEADER_ROOM ((size_t)64)

static void
listing_free(struct bus *bus, void *state)
{
	struct listing *listing = state;
	struct user *user = listing->to->client.user;

	if (listing->kind == LISTING_CLIENTS)
		flow_end_walk(&listing->clients);
	else if (listing->kind == LISTING_CHANNELS)
		channels_end_walk(&listing->channels);
	else if (listing->kind == LISTING_SERVICES)
		services_end_walk(&listing->services);
	output_limit_charge(&bus->flow, user, &listing->charged, 0);
	chunk_unref(listing->out);
	free(listing->extra);
	free(listing);
	listing_leave(bus, user);
}

/* Returns the list that the command works on, new or begun in an earlier turn; or NULL without memory. */
static struct listing *
listing_begin(struct bus *bus, struct session *s, int kind)
{
	struct place *place = &sessions_of(bus)->place;
	struct listing *listing = place->state;

	if (listing)
		return listing;
	listing = calloc(1, sizeof(*listing));
	if (!listing)
		return NULL;
	listing->out = chunk_new(&bus->flow.chunks, CHUNK_ROOM);
	if (!listing->out) {
		free(listing);
		return NULL;
	}
	listing->out->len = HEADER_ROOM;
	listing->bus = bus;
	listing->to = s;
	listing->kind = kind;
	if (kind == LISTING_CLIENTS)
		flow_begin_walk(&bus->flow, &listing->clients);
	else if (kind == LISTING_CHANNELS)
		channels_begin_walk(&bus->subscriptions.channels, &listing->channels);
	else if (kind == LISTING_SERVICES)
		services_begin_walk(&bus->services, &listing->services);
	listing_enter(s);
	*place = (struct place){ .state = listing, .free = listing_free };
	return listing;
}

/* EXEC cannot wait, and excludes the others. */
bool
listing_waits(struct bus *bus, struct session *s)
{
	struct user *user = s->client.user;

	if (sessions_of(bus)->place.state || bus->flow.executing)
		return false;
	flow_end_listing_turn(&s->client);
	return (user->n_listings > 0 || user->next_lister) && flow_wait(&bus->flow, &s->client, &user->listing_waiters);
}

void
listing_enter(struct session *s)
{
	s->client.user->n_listings++;
}

void
listing_leave(struct bus *bus, struct user *user)
{
	user->n_listings--;
	flow_resume_listing(&bus->flow, user);
}

/* Frees the list, and replies an error. */
static enum command_result
listing_refuse(struct bus *bus, struct session *s, const char *reason)
{
	place_clear(bus, &sessions_of(bus)->place);
	flow_resume_listing(&bus->flow, s->client.user); /* if it was not begun */
	reply_error(bus, s, "ERR %s", reason);
	return COMMAND_DONE;
}

/* Replies the list behind a header of len bytes, and frees it. */
static enum command_result
listing_reply(struct bus *bus, struct session *s, struct listing *listing, const char *header, size_t len)
{
	struct chunk *out = listing->out;
	size_t offset = HEADER_ROOM - len;

	memcpy(out->data + offset, header, len);
	reply_chunk(bus, s, out, offset, out->len - offset);
	place_clear(bus, &sessions_of(bus)->place);
	return COMMAND_DONE;
}

/*
 * The visit has searched for matches longer than a turn. A search by somebody else would end this one, so the session
 * waits for a turn in which there is none; in EXEC, all others wait already. A job keeps the place.
 */
static enum command_result
listing_wait_for_search(struct bus *bus, struct session *s)
{
	if (!s->has_job || bus->flow.executing)
		return COMMAND_MORE;
	return flow_wait(&bus->flow, &s->client, &bus->flow.wide_waiters) ? COMMAND_WAIT : COMMAND_DONE;
}

/* Call after each visit with its result r. Returns whether the walk goes on at once; else *ret_result ends the turn. */
static bool
listing_may_go_on(struct bus *bus, struct session *s, struct listing *listing, int r, enum command_result *ret_result)
{
	if (r < 0) {
		*ret_result = listing_refuse(bus, s, "out of memory");
	} else if (listing->out->len > bus->flow.limits.queue_limit_per_uid / 4) {
		*ret_result = listing_refuse(bus, s, "the reply takes more than a quarter of queue_limit_per_uid");
	} else if (r == ROUTING_E_MORE || job_must_pause(bus, s, 0)) {
		output_limit_charge(&bus->flow, s->client.user, &listing->charged, chunk_size(listing->out));
		*ret_result = r == ROUTING_E_MORE ? listing_wait_for_search(bus, s) : COMMAND_MORE;
	} else {
		return true;
	}
	return false;
}

enum command_result
listing_clients(struct bus *bus, struct session *s, listing_client_visit *visit, const void *arg)
{
	struct listing *listing = NULL;
	enum command_result result;
	char header[HEADER_ROOM];
	bool is_resp3 = client_is_resp3(&s->client);
	struct client *c;
	size_t len;

	if (listing_waits(bus, s))
		return COMMAND_WAIT;
	listing = listing_begin(bus, s, LISTING_CLIENTS);
	if (!listing)
		return listing_refuse(bus, s, "out of memory");
	while ((c = flow_walk(&bus->flow, &listing->clients))) {
		int r = visit(listing, c, arg);

		if (r == ROUTING_E_MORE)
			listing->clients.next = c;
		if (!listing_may_go_on(bus, s, listing, r, &result))
			return result;
	}
	len = listing->out->len - HEADER_ROOM;
	if (listing_put(listing, "\r\n", 2) < 0)
		return listing_refuse(bus, s, "out of memory");
	len = resp_put_header(header, is_resp3 ? '=' : '$', len + (is_resp3 ? strlen("txt:") : 0));
	if (is_resp3) {
		memcpy(header + len, "txt:", 4);
		len += 4;
	}
	return listing_reply(bus, s, listing, header, len);
}

enum command_result
listing_channels(struct bus *bus, struct session *s, listing_channel_visit *visit, const void *arg)
{
	struct listing *listing;
	enum command_result result;
	char header[HEADER_ROOM];
	struct channel *channel;

	if (listing_waits(bus, s))
		return COMMAND_WAIT;
	listing = listing_begin(bus, s, LISTING_CHANNELS);
	if (!listing)
		return listing_refuse(bus, s, "out of memory");
	while ((channel = channels_walk(&bus->subscriptions.channels, &listing->channels))) {
		int r = visit(listing, channel, arg);

		if (r == ROUTING_E_MORE)
			listing->channels.next = channel;
		if (!listing_may_go_on(bus, s, listing, r, &result))
			return result;
	}
	return listing_reply(bus, s, listing, header, resp_put_header(header, '*', listing->n));
}

enum command_result
listing_services(struct bus *bus, struct session *s, listing_service_visit *visit, const void *arg)
{
	struct listing *listing;
	enum command_result result;
	char header[HEADER_ROOM];
	struct service *service;

	if (listing_waits(bus, s))
		return COMMAND_WAIT;
	listing = listing_begin(bus, s, LISTING_SERVICES);
	if (!listing)
		return listing_refuse(bus, s, "out of memory");
	while ((service = services_walk(&bus->services, &listing->services)))
		if (!listing_may_go_on(bus, s, listing, visit(listing, service, arg), &result))
			return result;
	return listing_reply(bus, s, listing, header, resp_put_header(header, '*', listing->n));
}

enum command_result
listing_streams(struct bus *bus, struct session *s, listing_stream_visit *visit, const void *arg)
{
	struct streams *streams = sessions_of(bus)->streams;
	struct stream *stream;
	struct listing *listing;
	enum command_result result;
	char header[HEADER_ROOM];
	bool is_end = false;

	if (listing_waits(bus, s))
		return COMMAND_WAIT;
	listing = listing_begin(bus, s, LISTING_STREAMS);
	if (!listing)
		return listing_refuse(bus, s, "out of memory");
	while (!is_end) {
		int r = 0;

		if (streams_walk(streams, &listing->streams, &stream, 1, &is_end) > 0)
			r = visit(listing, stream, arg);
		/* At the end the walk would begin anew. */
		if ((r < 0 || !is_end) && !listing_may_go_on(bus, s, listing, r, &result))
			return result;
	}
	reply_hold(bus, streams_barrier(streams, NULL));
	result = listing_reply(bus, s, listing, header, resp_put_header(header, '*', listing->n));
	reply_hold(bus, NULL);
	return result;
}

int
listing_put(struct listing *listing, const void *data, size_t len)
{
	struct chunk *out = listing->out;

	if (out->cap - out->len < len) {
		out = chunk_grow(out, 2 * (size_t)out->cap + len);
		if (!out)
			return -ENOMEM;
		listing->out = out;
	}
	if (len > 0)
		memcpy(out->data + out->len, data, len);
	out->len += (uint32_t)len;
	listing->bus->flow.work.done += WORK_VISIT + WORK_FRESH * WORK_BYTES(len);
	return 0;
}

int
listing_put_header(struct listing *listing, char type, uint64_t value)
{
	char header[RESP_HEADER_MAX];

	return listing_put(listing, header, resp_put_header(header, type, value));
}

int
listing_put_bulk(struct listing *listing, struct slice data)
{
	int r = listing_put_header(listing, '$', data.len);

	if (r == 0)
		r = listing_put(listing, data.p, data.len);
	return r < 0 ? r : listing_put(listing, "\r\n", 2);
}

int
listing_put_text(struct listing *listing, const char *text)
{
	return listing_put_bulk(listing, slice_of(text));
}
