/*
 * A worker is idle while it has a parked NEXT; then it stands in the list of each service that it serves. Whoever is
 * given a request goes to the ends of these lists, if it has another NEXT, so that a worker which asks for several
 * requests at a time gets no second one while others are idle. While a service has an idle worker that is alive, none
 * of its requests waits.
 */
#include "matching.h"

#include <stdlib.h>

#include "outq-slot.h"

/* Size of the free list. */
#define SPARE_MAX 1024

void
matching_set_idle(struct services *services, struct party *worker)
{
	bool is_idle = worker->n_parked > 0;
	struct serving *serving;

	LIST_FOREACH(serving, &worker->services, link) {
		struct service *service = serving->service;

		services->flow->work.done += WORK_VISIT;
		if (serving->is_idle)
			TAILQ_REMOVE(&service->idle, serving, idle_link);
		if (is_idle)
			TAILQ_INSERT_TAIL(&service->idle, serving, idle_link);
		service->n_idle += (uint64_t)is_idle - serving->is_idle;
		serving->is_idle = is_idle;
	}
}

struct parked *
matching_new_parked(struct services *services, struct party *worker)
{
	struct parked *parked = STAILQ_FIRST(&services->spare_parked);

	if (parked) {
		STAILQ_REMOVE_HEAD(&services->spare_parked, link);
		services->n_spare_parked--;
	} else if (!(parked = malloc(sizeof(*parked)))) {
		return NULL;
	}
	*parked = (struct parked){ .party = worker };
	return parked;
}

void
matching_free_parked(struct services *services, struct parked *parked)
{
	if (services->n_spare_parked == SPARE_MAX) {
		free(parked);
		return;
	}
	STAILQ_INSERT_HEAD(&services->spare_parked, parked, link);
	services->n_spare_parked++;
}

void
matching_unpark(struct services *services, struct parked *parked)
{
	struct party *worker = parked->party;

	if (parked != STAILQ_FIRST(&worker->parked)) /* its time is over before that of others */
		services->flow->work.done += worker->n_parked * WORK_VISIT;
	heap_remove(&services->parked_alarms, &parked->alarm);
	STAILQ_REMOVE(&worker->parked, parked, parked, link);
	worker->n_parked--;
	services->n_parked--;
	party_charge(services, worker, -(int64_t)PARKED_COST);
	party_settle(services, worker);
	matching_free_parked(services, parked);
}

/* Whether the worker may serve. One that may not, since the rules have changed, is disconnected. */
static bool
matching_admits(struct services *services, struct service *service, struct client *worker)
{
	if (access_list_admits(&service_rule(services, service)->serve, &worker->identity))
		return true;
	flow_log(services->flow, worker, LOG_LEVEL_INFO, "may not serve one of its services any more, disconnected");
	flow_mark_dead(services->flow, worker);
	return false;
}

/* The longest idle worker that is alive and may serve; others leave the list. */
static struct party *
matching_find_idle(struct services *services, struct service *service)
{
	struct serving *serving;

	while ((serving = TAILQ_FIRST(&service->idle))) {
		struct client *c = serving->party->client;

		services->flow->work.done += WORK_VISIT;
		if (client_is_live(c) && matching_admits(services, service, c))
			return serving->party;
		TAILQ_REMOVE(&service->idle, serving, idle_link);
		serving->is_idle = false;
		service->n_idle--;
	}
	return NULL;
}

bool
matching_give(struct services *services, struct request *request, struct slice payload)
{
	struct party *worker = matching_find_idle(services, request->service);
	struct parked *parked;
	struct barrier *slot;

	if (!worker || request_enter(services, request) < 0)
		return false;
	parked = STAILQ_FIRST(&worker->parked);
	slot = parked->slot;
	request_stop(services, request);
	request_run(services, request, worker);
	request->given = services->ops->give(services, worker->client, slot, request, payload);
	outq_abandon(slot);
	matching_unpark(services, parked);
	matching_set_idle(services, worker);
	return true;
}

/*
 * Whether the caller is still there: one that has ended its input perhaps only waits for its answer. One that has gone
 * is marked dead: its slots are not filled any more.
 */
static bool
matching_is_wanted(struct services *services, const struct request *request)
{
	struct client *c = request->caller->client;

	if (client_is_live(c))
		return true;
	if (c->state != CLIENT_DEAD && services->ops->is_gone(services, c))
		flow_mark_dead(services->flow, c);
	return c->state != CLIENT_DEAD;
}

/* The oldest request that waits for the service and is wanted, or NULL. */
static struct request *
matching_first(struct services *services, struct service *service)
{
	struct request *first;

	while ((first = TAILQ_FIRST(&service->waiting)) && !matching_is_wanted(services, first))
		request_end(services, first, REQUEST_CANCELLED, (struct slice){ 0 });
	return first;
}

struct request *
matching_oldest(struct services *services, struct party *worker)
{
	struct request *oldest = NULL;
	struct serving *serving;

	LIST_FOREACH(serving, &worker->services, link) {
		struct request *first = matching_first(services, serving->service);

		services->flow->work.done += WORK_VISIT;
		if (first && !matching_admits(services, serving->service, worker->client))
			return NULL;
		if (first && (!oldest || first->start_us < oldest->start_us))
			oldest = first;
	}
	return oldest;
}

bool
matching_give_now(struct services *services, struct request *request, struct party *worker)
{
	if (request_enter(services, request) < 0)
		return false;
	request_stop(services, request);
	request_run(services, request, worker);
	request->given = services->ops->give(services, worker->client, NULL, request, request->payload);
	return true;
}

void
matching_feed(struct services *services, struct party *worker)
{
	struct request *request;

	while (worker->n_parked > 0 && client_is_live(worker->client) && (request = matching_oldest(services, worker)))
		if (!matching_give(services, request, request->payload))
			return;
}

void
matching_lose(struct services *services, struct request *request, bool is_gone)
{
	bool is_unread = is_gone && request->given && outq_slot_is_unsent(request->given);
	struct service *service = request->service;

	if (!request->has_payload || (!is_unread && request->retries == 0) || services->is_stopping) {
		request_end(services, request, REQUEST_GONE, (struct slice){ 0 });
		return;
	}
	services->retried++;
	request->retries -= !is_unread;
	request_stop(services, request);
	if (is_unread && request->retries == 0)
		request->was_given = false;
	request_wait(services, request, true);
	if (!matching_give(services, request, request->payload))
		service_desert(services, service);
}
