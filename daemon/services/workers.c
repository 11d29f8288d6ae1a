#include "workers.h"

#include <errno.h>
#include <stdlib.h>

#include "output-slot.h"
#include "outq-slot.h"

_Static_assert(WORKER_SERVICES_MAX < 1 << 10 && WORKER_REQUESTS_MAX < 1 << 10, "as wide as the fields of struct party");

#define OF(type, member, p) ((type *)((char *)(p)-offsetof(type, member)))

static struct serving *
workers_find(struct services *services, const struct party *party, const struct service *service)
{
	struct serving *serving;

	LIST_FOREACH(serving, &party->services, link) {
		services->flow->work.done += WORK_VISIT;
		if (serving->service == service)
			return serving;
	}
	return NULL;
}

static int
workers_add(struct services *services, struct party *party, struct service *service)
{
	struct serving *serving;

	if (!access_list_admits(&service_rule(services, service)->serve, &party->client->identity))
		return SERVICES_E_DENIED;
	if (workers_find(services, party, service))
		return 0;
	if (party->n_services >= WORKER_SERVICES_MAX)
		return SERVICES_E_TOO_MANY;
	serving = calloc(1, sizeof(*serving));
	if (!serving)
		return -ENOMEM;
	serving->service = service;
	serving->party = party;
	LIST_INSERT_HEAD(&party->services, serving, link);
	party->n_services++;
	party_charge(services, party, sizeof(*serving));
	service->n_workers++;
	services->n_workings++;
	if (party->n_parked > 0) {
		matching_set_idle(services, party);
		matching_feed(services, party);
	}
	return 0;
}

int
workers_serve(struct services *services, struct client *c, struct slice name)
{
	struct party *party = party_get(services, c);
	struct service *service = party ? service_get(services, name) : NULL;
	int r = service ? workers_add(services, party, service) : -ENOMEM;

	if (r != 0 && service)
		service_release(services, service);
	return r;
}

static void
workers_remove(struct services *services, struct serving *serving)
{
	struct service *service = serving->service;
	struct party *party = serving->party;

	services->flow->work.done += WORK_LOOKUP;
	if (serving->is_idle) {
		TAILQ_REMOVE(&service->idle, serving, idle_link);
		service->n_idle--;
	}
	LIST_REMOVE(serving, link);
	party->n_services--;
	party_charge(services, party, -(int64_t)sizeof(*serving));
	free(serving);
	service->n_workers--;
	services->n_workings--;
	service_desert(services, service);
	service_release(services, service);
}

/* Answers all parked NEXT with nothing. */
static void
workers_dismiss(struct services *services, struct party *party)
{
	struct parked *parked;

	while ((parked = STAILQ_FIRST(&party->parked))) {
		if (party->client->state != CLIENT_DEAD)
			services->ops->give_nothing(services, party->client, parked->slot);
		outq_abandon(parked->slot);
		matching_unpark(services, parked);
	}
	matching_set_idle(services, party);
}

void
workers_unserve(struct services *services, struct client *c, struct slice name)
{
	struct party *party = party_find(services, c);
	struct service *service = party ? service_find(services, name) : NULL;
	struct serving *serving = service ? workers_find(services, party, service) : NULL;

	if (!serving)
		return;
	workers_remove(services, serving);
	if (party->n_services == 0)
		workers_dismiss(services, party);
}

void
workers_unserve_all(struct services *services, struct client *c)
{
	struct party *party = party_find(services, c);
	struct serving *serving;

	if (!party)
		return;
	while ((serving = LIST_FIRST(&party->services)))
		workers_remove(services, serving);
	workers_dismiss(services, party);
}

static int
workers_park(struct services *services, struct party *party, uint64_t timeout_ms)
{
	struct flow *flow = services->flow;
	struct parked *parked;

	if (party->client->user->queued + PARKED_COST > flow->limits.queue_limit_per_uid)
		return SERVICES_E_OVER_QUOTA;
	parked = matching_new_parked(services, party);
	if (!parked)
		return -ENOMEM;
	if (timeout_ms < UINT64_MAX &&
	    heap_add(&services->parked_alarms, &parked->alarm, services_now_us(services) + timeout_ms * 1000) < 0) {
		matching_free_parked(services, parked);
		return -ENOMEM;
	}
	parked->slot = output_push_slot(flow, party->client);
	if (!parked->slot) {
		heap_remove(&services->parked_alarms, &parked->alarm);
		matching_free_parked(services, parked);
		return 0; /* it has died */
	}
	STAILQ_INSERT_TAIL(&party->parked, parked, link);
	party->n_parked++;
	party->n_slots++;
	services->n_parked++;
	party_charge(services, party, PARKED_COST);
	if (party->n_parked == 1)
		matching_set_idle(services, party);
	return 0;
}

int
workers_next(struct services *services, struct client *c, uint64_t timeout_ms)
{
	struct party *party = party_find(services, c);
	struct request *request;

	if (!party || party->n_services == 0)
		return SERVICES_E_UNSERVED;
	if (party->n_running + party->n_parked >= WORKER_REQUESTS_MAX)
		return SERVICES_E_TOO_MANY;
	request = matching_oldest(services, party);
	if (request)
		return matching_give_now(services, request, party) ? 0 : -ENOMEM;
	return timeout_ms > 0 ? workers_park(services, party, timeout_ms) : -EAGAIN;
}

void
workers_leave(struct services *services, struct client *c)
{
	struct party *party = party_find(services, c);
	struct request *request, *next;
	bool is_gone;

	if (!party)
		return;
	is_gone = c->state == CLIENT_DEAD || (party->n_running > 0 && services->ops->is_gone(services, c));
	if (is_gone)
		flow_mark_dead(services->flow, c); /* what is still unsent must not be read */
	for (struct serving *serving; (serving = LIST_FIRST(&party->services));)
		workers_remove(services, serving);
	workers_dismiss(services, party);
	/* From the newest on, so that the oldest becomes the first one to be given again. */
	for (request = TAILQ_LAST(&party->running, request_list); request; request = next) {
		next = TAILQ_PREV(request, request_list, link);
		matching_lose(services, request, is_gone);
	}
}

void
workers_check(struct services *services, uint64_t now_us)
{
	struct heap_node *first;

	while ((first = heap_first(&services->parked_alarms)) && first->key <= now_us &&
	       !work_is_pass_over(&services->flow->work)) {
		struct parked *parked = OF(struct parked, alarm, first);
		struct party *party = parked->party;

		services->flow->work.done += WORK_LOOKUP;
		if (party->client->state != CLIENT_DEAD)
			services->ops->give_nothing(services, party->client, parked->slot);
		outq_abandon(parked->slot);
		matching_unpark(services, parked);
		if (party->n_parked == 0)
			matching_set_idle(services, party);
	}
}
