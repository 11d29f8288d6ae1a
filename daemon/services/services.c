#include "services.h"

#include <assert.h>
#include <stdlib.h>
#include <sys/random.h>

/* How far flow.now_ms may be behind, in ms. */
#define COARSE_MS 20

void
services_init(struct services *services, struct flow *flow)
{
	*services = (struct services){ .flow = flow, .rules_generation = 1 };
	TAILQ_INIT(&services->all);
	TAILQ_INIT(&services->deserted);
	TAILQ_INIT(&services->settling);
	if (getrandom(&services->key, sizeof(services->key), 0) != sizeof(services->key))
		services->key = (struct siphash_key){ (uintptr_t)services, flow->start_ms };
}

void
services_deinit(struct services *services)
{
	struct request *request;

	assert(services->n_parties == 0 && services->table.n == 0 && services->requests.n == 0);
	while ((request = services->spare)) {
		services->spare = LIST_NEXT(request, call_link);
		free(request);
	}
	hashtable_deinit(&services->table);
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
	if (c->party)
		workers_leave(services, c);
}

void
services_forget(struct services *services, struct client *c)
{
	if (!c->party)
		return;
	calls_drop(services, c);
	workers_leave(services, c);
	party_free(services, c->party);
}

void
services_stop(struct services *services)
{
	struct service *service;

	services->is_stopping = true;
	TAILQ_FOREACH(service, &services->all, link)
		service_desert(services, service);
}

uint64_t
services_next_deadline(const struct services *services)
{
	const struct heap_node *request = heap_first(&services->alarms), *parked = heap_first(&services->parked_alarms);
	uint64_t us = request ? request->key : UINT64_MAX;

	return parked && parked->key < us ? parked->key : us;
}

void
services_advance(struct services *services)
{
	uint64_t now_us;

	calls_check_deserted(services, services->flow->work.done + WORK_OUTPUT);
	if (services_next_deadline(services) > (services->flow->now_ms + COARSE_MS) * 1000)
		return;
	now_us = services_now_us(services);
	calls_check(services, now_us);
	workers_check(services, now_us);
}

bool
services_settle(struct services *services, struct client *c)
{
	return c->party && c->party->n_slots > 0 && flow_wait(services->flow, c, &services->settling);
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
