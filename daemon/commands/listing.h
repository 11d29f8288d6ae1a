/*
 * Commands that list clients, channels, services or streams. The list is made in turns, so others never wait for it:
 * each visit encodes one element, and the reply is queued when all are there. What changes meanwhile is listed as it is
 * when it is visited. The clients of one user make one list at a time, and a list may take a quarter of
 * queue_limit_per_uid.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "sessions.h"
#include "streams.h"

struct listing {
	struct bus *bus;
	struct session *to;
	size_t n;          /* elements so far, for the header of the reply */
	struct chunk *out; /* the elements, encoded; or text; behind room for the header */
	size_t charged;    /* memory of it that the user is charged with, in bytes */
	enum { LISTING_CLIENTS, LISTING_CHANNELS, LISTING_SERVICES, LISTING_STREAMS } kind;
	union {
		struct client_walk clients;
		struct channel_walk channels;
		struct services_walk services;
		struct streams_walk streams;
	};
	void *extra; /* for visits, NULL at first; freed with free() */
};

/*
 * For commands that make a long answer of another kind in turns, one for each user at a time: listing_waits() says that
 * the session waits until another client of its user is done, and the handler returns COMMAND_WAIT. Else it may call
 * listing_enter(), and listing_leave() when the answer is made.
 */
bool listing_waits(struct bus *bus, struct session *s);
void listing_enter(struct session *s);
void listing_leave(struct bus *bus, struct user *user);

/*
 * What is done with one client, channel, service or stream. Returns 0, -ENOMEM or ROUTING_E_MORE: then it is visited
 * again in a later turn. arg: as given to listing_clients(), for example.
 */
typedef int listing_client_visit(struct listing *listing, struct client *c, const void *arg);
typedef int listing_channel_visit(struct listing *listing, struct channel *channel, const void *arg);
typedef int listing_service_visit(struct listing *listing, struct service *service, const void *arg);
typedef int listing_stream_visit(struct listing *listing, struct stream *stream, const void *arg);

/*
 * A handler returns the result of one of these. The first one replies a text, the others an array of
 * listing.n elements. All call the handler again in later turns.
 */
enum command_result listing_clients(struct bus *bus, struct session *s, listing_client_visit *visit, const void *arg);
enum command_result listing_channels(struct bus *bus, struct session *s, listing_channel_visit *visit, const void *arg);
enum command_result listing_services(struct bus *bus, struct session *s, listing_service_visit *visit, const void *arg);
enum command_result listing_streams(struct bus *bus, struct session *s, listing_stream_visit *visit, const void *arg);

/* Append to the list. Return 0 or -ENOMEM. */
int listing_put(struct listing *listing, const void *data, size_t len);
int listing_put_bulk(struct listing *listing, struct slice data);
int listing_put_text(struct listing *listing, const char *text);
int listing_put_header(struct listing *listing, char type, uint64_t value);
