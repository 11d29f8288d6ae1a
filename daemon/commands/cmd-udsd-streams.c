/* UDSD STREAMS: the streams and their figures, as UDSD CHANNELS has those of channels. */
#include "glob.h"
#include "group.h"
#include "handlers.h"
#include "keyspace.h"
#include "later.h"
#include "listing.h"
#include "reply.h"
#include "stream-index.h"
#include "streams.h"

/*
 * Pending entries of all groups, those of them that wait for their delay, and entries that the group which is behind
 * most has not been given yet. Only of that one they are counted: the blocks of all groups could be too many for one
 * pass.
 */
static uint64_t
udsd_count_pending(struct listing *listing, const struct stream *stream, uint64_t *ret_lag, uint64_t *ret_delayed)
{
	struct stream_id least = STREAM_ID_MAX;
	const struct stream_group *group;
	uint64_t pending = 0, delayed = 0;

	TAILQ_FOREACH(group, &stream->groups, link) {
		pending += group->pending.n_entries;
		delayed += group->handouts ? group->handouts->n_delayed : 0;
		if (stream_id_cmp(group->last, least) < 0)
			least = group->last;
	}
	listing->bus->flow.work.done += stream->n_groups * WORK_VISIT;
	*ret_delayed = delayed;
	*ret_lag = stream_count_about_after(sessions_of(listing->bus)->streams, stream, least);
	return pending;
}

static int
udsd_put_id(struct listing *listing, const char *name, struct stream_id id)
{
	char text[STREAM_ID_TEXT];
	int r = listing_put_text(listing, name);

	stream_id_format(text, id);
	return r < 0 ? r : listing_put_text(listing, text);
}

static int
udsd_put_stream(struct listing *listing, struct stream *stream)
{
	uint64_t lag, delayed, pending = udsd_count_pending(listing, stream, &lag, &delayed);
	const struct {
		const char *name;
		uint64_t value;
	} figures[] = {
		{ "entries", stream->length },
		{ "bytes", stream->bytes },
		{ "added", stream->added },
		{ "groups", stream->n_groups },
		{ "pending", pending },
		{ "delayed", delayed },
		{ "dead", stream->dead },
		{ "later", later_count(stream) },
		{ "lag", lag },
		{ "expires", stream->expires_ms },
		{ "uid", stream->uid },
		{ "published", stream_rule(sessions_of(listing->bus)->streams, stream)->published },
	};
	size_t n = sizeof(figures) / sizeof(figures[0]);
	bool is_resp3 = client_is_resp3(&listing->to->client);
	int r = listing_put_header(listing, is_resp3 ? '%' : '*', is_resp3 ? n + 3 : 2 * (n + 3));

	if (r == 0)
		r = listing_put_text(listing, "name");
	if (r == 0)
		r = listing_put_bulk(listing, (struct slice){ stream->name, stream->name_len });
	if (r == 0)
		r = udsd_put_id(listing, "first-id", stream_first_id(stream));
	if (r == 0)
		r = udsd_put_id(listing, "last-id", stream->last);
	for (size_t i = 0; r == 0 && i < n; i++) {
		r = listing_put_text(listing, figures[i].name);
		if (r == 0)
			r = listing_put_header(listing, ':', figures[i].value);
	}
	return r;
}

/* Shows a stream to those who may add to it or read it. arg: the pattern, or NULL. */
static int
udsd_visit_stream(struct listing *listing, struct stream *stream, const void *arg)
{
	const struct slice *pattern = arg, name = { stream->name, stream->name_len };

	if (pattern && !glob_match_at_cost(pattern->p, pattern->len, name.p, name.len, &listing->bus->flow.work.done))
		return 0;
	if (!bus_is_admin(listing->bus, &listing->to->client) &&
	    !keyspace_admits(listing->bus, listing->to, name, KEYSPACE_SEE))
		return 0;
	listing->n++;
	return udsd_put_stream(listing, stream);
}

enum command_result
cmd_udsd_streams(struct bus *bus, struct session *s, const struct slice *argv, size_t argc)
{
	if (argc > 3) {
		reply_error(bus, s, "ERR UDSD STREAMS takes one pattern");
		return COMMAND_DONE;
	}
	if (!keyspace_require_streams(bus, s))
		return COMMAND_DONE;
	return listing_streams(bus, s, udsd_visit_stream, argc > 2 ? &argv[2] : NULL);
}
