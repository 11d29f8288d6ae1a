#include "xwork.h"

#include <errno.h>
#include <stdlib.h>

#include "job.h"
#include "output-limit.h"

static void
xwork_drop(struct xwork *work)
{
	if (work->has_answer)
		answer_drop(&work->answer);
	free(work->ids);
	free(work->extra);
	free(work->claims);
	*work = (struct xwork){ 0 };
}

static void
xwork_free(struct bus *bus, void *state)
{
	struct xwork *work = state;

	if (work->has_answer)
		output_limit_charge(&bus->flow, work->answer.s->client.user, &work->charged, 0);
	xwork_drop(work);
	free(work);
}

enum command_result
xwork_run(struct bus *bus, struct session *s, const struct slice *argv, size_t argc, xwork_handler *run)
{
	struct place *place = &sessions_of(bus)->place;
	struct xwork work = { 0 };
	size_t next = 0;
	enum command_result result;

	if (place->state) {
		work = *(struct xwork *)place->state;
		next = place->next;
		free(place->state);
		*place = (struct place){ 0 };
		work.is_moving = false;
		if (work.has_answer)
			output_limit_charge(&bus->flow, s->client.user, &work.charged, 0);
	}
	result = run(bus, s, argv, argc, &work, next);
	if (!place->state) /* it was not kept */
		xwork_drop(&work);
	else if (result == COMMAND_DONE) /* the client has died before it could wait */
		place_clear(bus, place);
	return result;
}

enum command_result
xwork_send(struct bus *bus, struct streams *streams, const struct stream *stream, struct xwork *work)
{
	keyspace_hold(bus, streams, stream);
	answer_send(&work->answer);
	keyspace_release(bus);
	work->has_answer = false;
	return COMMAND_DONE;
}

/* Returns false without memory. */
static bool
xwork_keep(struct bus *bus, struct xwork *work, size_t next)
{
	struct xwork *state = malloc(sizeof(*state));

	if (!state)
		return false;
	*state = *work;
	if (work->has_answer && work->answer.out)
		output_limit_charge(&bus->flow, work->answer.s->client.user, &state->charged,
		                    chunk_size(work->answer.out));
	sessions_of(bus)->place = (struct place){ .next = next, .state = state, .free = xwork_free };
	return true;
}

bool
xwork_must_pause(struct bus *bus, struct session *s, struct xwork *work, size_t next)
{
	bool is_first = !work->is_moving;

	work->is_moving = true;
	if (is_first || !job_must_pause(bus, s, next))
		return false;
	sessions_of(bus)->place.next = 0;
	return xwork_keep(bus, work, next);
}

enum command_result
xwork_wait_cold(struct bus *bus, struct session *s, struct streams *streams, struct xwork *work, size_t next)
{
	if (bus->flow.executing != &s->client && !xwork_keep(bus, work, next)) {
		flow_out_of_memory(&bus->flow, &s->client);
		return COMMAND_DONE;
	}
	return keyspace_wait_cold(bus, s, streams, next);
}

bool
xwork_require_ids(struct bus *bus, struct session *s, const struct slice *argv, size_t argc, size_t first)
{
	struct stream_id id;

	bus->flow.work.done += (argc - first) * WORK_ARGUMENT;
	for (size_t i = first; i < argc; i++)
		if (!keyspace_require_id(bus, s, argv[i], 0, &id))
			return false;
	return true;
}

int
xwork_add_id(struct xwork *work, struct stream_id id)
{
	if (work->n_ids == work->ids_cap) {
		size_t cap = 2 * work->ids_cap + 16;
		struct stream_id *ids = reallocarray(work->ids, cap, sizeof(*ids));

		if (!ids)
			return -ENOMEM;
		work->ids = ids;
		work->ids_cap = cap;
	}
	work->ids[work->n_ids++] = id;
	return 0;
}
