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

	if (listing->is_clients)
		flow_end_walk(&listing->clients);
	else
		channels_end_walk(&listing->channels);
	output_limit_charge(&bus->flow, user, &listing->charged, 0);
	chunk_unref(listing->out);
	free(listing->extra);
	free(listing);
	user->n_listings--;
	flow_resume_listing(&bus->flow, user);
}

/* Returns the list that the command works on, new or begun in an earlier turn; or NULL without memory. */
static struct listing *
listing_begin(struct bus *bus, struct session *s, bool is_clients)
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
	listing->is_clients = is_clients;
	if (is_clients)
		flow_begin_walk(&bus->flow, &listing->clients);
	else
		channels_begin_walk(&bus->subscriptions.channels, &listing->channels);
	s->client.user->n_listings++;
	*place = (struct place){ .state = listing, .free = listing_free };
	return listing;
}

/* Whether another client of the user makes a list; then the session waits. EXEC cannot wait, and excludes the others.
 */
static bool
listing_waits(struct bus *bus, struct session *s)
{
	struct user *user = s->client.user;

	if (sessions_of(bus)->place.state || bus->flow.executing)
		return false;
	flow_end_listing_turn(&s->client);
	return (user->n_listings > 0 || user->next_lister) && flow_wait(&bus->flow, &s->client, &user->listing_waiters);
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
	if (out->len < OUTQ_COPY_MAX) /* not worth a chunk of its own */
		reply_raw(bus, s, out->data + offset, out->len - offset);
	else
		reply_chunk(bus, s, out, offset, out->len - offset);
	place_clear(bus, &sessions_of(bus)->place);
	return COMMAND_DONE;
}

/* Call after each visit with its result r. Returns whether the walk goes on at once; else *ret_result ends the turn. */
static bool
listing_may_go_on(struct bus *bus, struct session *s, struct listing *listing, int r, enum command_result *ret_result)
{
	if (r < 0) {
		*ret_result = listing_refuse(bus, s, "out of memory");
	} else if (listing->out->len > bus->flow.limits.queue_limit_per_uid / 4) {
		*ret_result = listing_refuse(bus, s, "the reply takes more than a quarter of queue_limit_per_uid");
	} else if (job_must_pause(bus, s, 0)) {
		output_limit_charge(&bus->flow, s->client.user, &listing->charged, chunk_size(listing->out));
		*ret_result = COMMAND_MORE;
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
	listing = listing_begin(bus, s, true);
	if (!listing)
		return listing_refuse(bus, s, "out of memory");
	while ((c = flow_walk(&bus->flow, &listing->clients)))
		if (!listing_may_go_on(bus, s, listing, visit(listing, c, arg), &result))
			return result;
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
	listing = listing_begin(bus, s, false);
	if (!listing)
		return listing_refuse(bus, s, "out of memory");
	while ((channel = channels_walk(&bus->subscriptions.channels, &listing->channels)))
		if (!listing_may_go_on(bus, s, listing, visit(listing, channel, arg), &result))
			return result;
	return listing_reply(bus, s, listing, header, resp_put_header(header, '*', listing->n));
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
	listing->bus->flow.work.done += WORK_VISIT + WORK_BYTES(len);
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
	return listing_put_bulk(listing, (struct slice){ (const uint8_t *)text, strlen(text) });
}
