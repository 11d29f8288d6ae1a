#include "xwork.h"

#include <errno.h>
#include <stdlib.h>

#include "job.h"
#include "output-limit.h"

void
xwork_drop(struct xwork *work)
{
	if (work->has_answer)
		answer_drop(&work->answer);
	free(work->ids);
	free(work->extra);
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

size_t
xwork_begin(struct bus *bus, struct xwork *ret_work)
{
	struct place *place = &sessions_of(bus)->place;
	size_t next = place->next;

	if (!place->state) {
		*ret_work = (struct xwork){ 0 };
		return 0;
	}
	*ret_work = *(struct xwork *)place->state;
	free(place->state);
	if (ret_work->has_answer)
		output_limit_charge(&bus->flow, ret_work->answer.s->client.user, &ret_work->charged, 0);
	*place = (struct place){ 0 };
	return next;
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
	if (!job_must_pause(bus, s, next))
		return false;
	sessions_of(bus)->place.next = 0;
	return xwork_keep(bus, work, next);
}

enum command_result
xwork_wait_cold(struct bus *bus, struct session *s, struct streams *streams, struct xwork *work, size_t next)
{
	if (bus->flow.executing == &s->client || !xwork_keep(bus, work, next)) {
		xwork_drop(work);
		next = 0;
	}
	return keyspace_wait_cold(bus, s, streams, next);
}

enum command_result
xwork_fail(struct bus *bus, struct session *s, struct xwork *work)
{
	xwork_drop(work);
	return keyspace_refuse_error(bus, s);
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
