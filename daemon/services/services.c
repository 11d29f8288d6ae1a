#include "services.h"

#include <assert.h>
#include <stdlib.h>
#include <sys/random.h>

void
services_init(struct services *services, struct flow *flow)
{
	*services = (struct services){ .flow = flow, .rules_generation = 1 };
	TAILQ_INIT(&services->all);
	TAILQ_INIT(&services->deserted);
	TAILQ_INIT(&services->settling);
	TAILQ_INIT(&services->untold);
	TAILQ_INIT(&services->in_order);
	STAILQ_INIT(&services->spare_parked);
	if (getrandom(&services->key, sizeof(services->key), 0) != sizeof(services->key))
		services->key = (struct siphash_key){ (uintptr_t)services, flow->start_ms };
}

void
services_deinit(struct services *services)
{
	struct request *request;
	struct parked *parked;

	assert(services->parties.n == 0 && services->table.n == 0 && services->n_requests == 0);
	while ((parked = STAILQ_FIRST(&services->spare_parked))) {
		STAILQ_REMOVE_HEAD(&services->spare_parked, link);
		free(parked);
	}
	while ((request = services->spare)) {
		services->spare = LIST_NEXT(request, call_link);
		free(request);
	}
	hashtable_deinit(&services->table);
	hashtable_deinit(&services->parties);
	hashtable_deinit(&services->requests);
	heap_deinit(&services->alarms);
	heap_deinit(&services->parked_alarms);
}

void
services_set_ops(struct services *services, const struct services_ops *ops)
{
	services->ops = ops;
}

void
services_set_rules(struct services *services, const struct service_rules *rules)
{
	services->rules = rules;
	services->rules_generation++;
}

void
services_leave(struct services *services, struct client *c)
{
	if (c->has_party)
		workers_leave(services, c);
}

void
services_forget(struct services *services, struct client *c)
{
	struct party *party = party_find(services, c);

	if (!party)
		return;
	calls_drop(services, party);
	workers_leave(services, c);
	party_free(services, party);
}

void
services_stop(struct services *services)
{
	struct service *service;

	services->is_stopping = true;
	TAILQ_FOREACH(service, &services->all, link)
		service_desert(services, service);
}

void
services_advance(struct services *services)
{
	uint64_t now_us;

	request_tell(services, services->flow->work.done + WORK_OUTPUT);
	calls_check_deserted(services, services->flow->work.done + WORK_OUTPUT);
	now_us = services_now_us(services);
	calls_check(services, now_us);
	workers_check(services, now_us);
}

bool
services_settle(struct services *services, struct client *c)
{
	const struct party *party = party_find(services, c);

	return party && party->n_slots > 0 && flow_wait(services->flow, c, &services->settling);
}

void
services_begin_walk(struct services *services, struct services_walk *walk)
{
	walk->next = TAILQ_FIRST(&services->all);
	LIST_INSERT_HEAD(&services->walks, walk, link);
}

struct service *
services_walk(struct services *services, struct services_walk *walk)
{
	struct service *service = walk->next;

	services->flow->work.done += WORK_VISIT;
	if (service)
		walk->next = TAILQ_NEXT(service, link);
	return service;
}

void
services_end_walk(struct services_walk *walk)
{
	LIST_REMOVE(walk, link);
}
