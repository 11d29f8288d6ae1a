/* XDEL and XDELEX. Their entries may be anywhere, so each of them may have to be fetched from disk. */
#include <stdlib.h>

#include "answer.h"
#include "handlers.h"
#include "job.h"
#include "refs.h"
#include "xwork.h"

/* How a command that deletes ends for the moment. *ret_result: what the handler returns, unless it goes on. */
static bool
xdel_must_stop(struct bus *bus, struct session *s, struct streams *streams, enum stream_step step, size_t next,
               enum command_result *ret_result)
{
	if (step == STREAM_ENTRY || step == STREAM_END)
		return false;
	/* EXEC has found all blocks before it began. One that is missing now went with its last entry. */
	if (step == STREAM_COLD && bus->flow.executing == &s->client)
		return false;
	*ret_result = step == STREAM_COLD ? keyspace_wait_cold(bus, s, streams, next) : keyspace_refuse_error(bus, s);
	return true;
}

enum command_result
cmd_xdel(struct bus *bus, struct session *s, const struct slice *argv, size_t argc)
{
	struct streams *streams = keyspace_open(bus, s, argv[1], KEYSPACE_MANAGE);
	struct place *place = &sessions_of(bus)->place;
	size_t deleted = (size_t)(uintptr_t)place->state, begin = place->next > 0 ? place->next : 2;
	enum command_result result;
	struct stream *stream;
	struct stream_id id;

	if (!streams)
		return COMMAND_DONE;
	if (keyspace_must_wait(bus, s, streams))
		return COMMAND_WAIT;
	stream = keyspace_find(bus, streams, argv[1]);
	if (stream && place->next == 0) { /* all or none of them */
		bus->flow.work.done += argc * 2 * WORK_VISIT;
		for (size_t i = 2; i < argc; i++)
			if (!keyspace_require_id(bus, s, argv[i], 0, &id))
				return COMMAND_DONE;
	}
	for (size_t i = begin; stream && i < argc; i++) {
		enum stream_step step;

		if (i > begin && job_must_pause(bus, s, i)) {
			place->state = (void *)(uintptr_t)deleted; /* only a number */
			return COMMAND_MORE;
		}
		stream_id_parse(argv[i], 0, &id);
		step = stream_delete(streams, stream, id);
		if (xdel_must_stop(bus, s, streams, step, i > 2 ? i : 0, &result)) {
			place->state = result == COMMAND_DONE ? NULL : (void *)(uintptr_t)deleted;
			return result;
		}
		deleted += step == STREAM_ENTRY;
	}
	keyspace_hold(bus, streams, stream);
	reply_integer(bus, s, deleted);
	keyspace_release(bus);
	return COMMAND_DONE;
}

/* What XDELEX keeps between turns: the results so far. */
struct xdelex {
	size_t n;
	int8_t results[];
};

static void
xdelex_free(struct bus *bus, void *state)
{
	free(state);
}

/* The results so far, new or begun in an earlier turn; or NULL after an error reply. */
static struct xdelex *
xdelex_begin(struct bus *bus, struct session *s, size_t n)
{
	struct place *place = &sessions_of(bus)->place;
	struct xdelex *xdelex = place->state;

	if (xdelex)
		return xdelex;
	xdelex = malloc(sizeof(*xdelex) + n);
	if (!xdelex) {
		reply_error(bus, s, "ERR out of memory");
		return NULL;
	}
	xdelex->n = 0;
	place->state = xdelex;
	place->free = xdelex_free;
	return xdelex;
}

static void
xdelex_reply(struct bus *bus, struct session *s, struct streams *streams, const struct stream *stream,
             const struct xdelex *xdelex, size_t n)
{
	keyspace_hold(bus, streams, stream);
	reply_array(bus, s, n);
	for (size_t i = 0; i < n; i++)
		reply_integer_signed(bus, s, i < xdelex->n ? xdelex->results[i] : REFS_NONE);
	keyspace_release(bus);
}

enum command_result
cmd_xdelex(struct bus *bus, struct session *s, const struct slice *argv, size_t argc)
{
	struct streams *streams = keyspace_open(bus, s, argv[1], KEYSPACE_MANAGE);
	struct refs_ids ids;
	struct xdelex *xdelex;
	struct stream *stream;
	enum command_result stopped;

	if (!streams || !refs_require_ids(bus, s, argv, argc, 2, sessions_of(bus)->place.state, &ids))
		return COMMAND_DONE;
	if (keyspace_must_wait(bus, s, streams))
		return COMMAND_WAIT;
	stream = keyspace_find(bus, streams, argv[1]);
	xdelex = xdelex_begin(bus, s, ids.n);
	for (size_t begin = xdelex ? xdelex->n : 0; xdelex && stream && xdelex->n < ids.n;) {
		enum refs_result result = REFS_NONE;
		enum stream_step step;
		struct stream_id id;

		if (xdelex->n > begin && job_must_pause(bus, s, 1))
			return COMMAND_MORE;
		stream_id_parse(argv[ids.first + xdelex->n], 0, &id);
		step = refs_delete(streams, stream, id, ids.refs, &result);
		if (xdel_must_stop(bus, s, streams, step, 1, &stopped)) {
			if (stopped == COMMAND_DONE)
				place_clear(bus, &sessions_of(bus)->place);
			return stopped;
		}
		xdelex->results[xdelex->n++] = (int8_t)result;
	}
	if (xdelex)
		xdelex_reply(bus, s, streams, stream, xdelex, ids.n);
	place_clear(bus, &sessions_of(bus)->place);
	return COMMAND_DONE;
}
