#include "service.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "output-limit.h"

#define SERVICE(node_) ((struct service *)((char *)(node_)-offsetof(struct service, node)))

uint64_t
services_now_us(struct services *services)
{
	struct timespec ts;

	if (services->now_us > 0)
		return services->now_us;
	clock_gettime(CLOCK_MONOTONIC, &ts);
	services->now_us = (uint64_t)ts.tv_sec * 1000000 + (uint64_t)ts.tv_nsec / 1000;
	return services->now_us;
}

static bool
service_is(const struct service *service, struct slice name)
{
	return service->name_len == name.len && slice_is(name, service->name);
}

static struct service *
service_search(struct services *services, struct slice name, uint64_t hash)
{
	struct hashtable_node *node;

	for (node = hashtable_first(&services->table, hash); node; node = hashtable_next(node))
		if (service_is(SERVICE(node), name))
			return services->recent = SERVICE(node);
	return NULL;
}

static uint64_t
service_hash(struct services *services, struct slice name)
{
	services->flow->work.done += WORK_LOOKUP + WORK_BYTES(name.len) * 8;
	return siphash(&services->key, name.p, name.len);
}

struct service *
service_find(struct services *services, struct slice name)
{
	if (services->recent && service_is(services->recent, name))
		return services->recent;
	return services->table.n > 0 ? service_search(services, name, service_hash(services, name)) : NULL;
}

struct service *
service_get(struct services *services, struct slice name)
{
	struct service *service = service_find(services, name);

	if (service)
		return service;
	service = malloc(sizeof(*service) + name.len);
	if (!service)
		return NULL;
	*service = (struct service){
		.rules_generation = services->rules_generation - 1,
		.name_len = name.len,
	};
	memcpy(service->name, name.p, name.len);
	TAILQ_INIT(&service->idle);
	TAILQ_INIT(&service->waiting);
	if (hashtable_insert(&services->table, &service->node, service_hash(services, name)) < 0) {
		free(service);
		return NULL;
	}
	TAILQ_INSERT_TAIL(&services->all, service, link);
	return services->recent = service;
}

void
service_release(struct services *services, struct service *service)
{
	struct services_walk *walk;

	if (service->n_workers > 0 || service->n_waiting > 0 || service->n_running > 0 || service->n_untold > 0)
		return;
	LIST_FOREACH(walk, &services->walks, link)
		if (walk->next == service)
			walk->next = TAILQ_NEXT(service, link);
	if (services->recent == service)
		services->recent = NULL;
	if (service->is_deserted)
		TAILQ_REMOVE(&services->deserted, service, deserted_link);
	services->flow->work.done += WORK_LOOKUP;
	services->flow->chunks.released += sizeof(*service) + (service->latencies ? sizeof(*service->latencies) : 0);
	hashtable_remove(&services->table, &service->node);
	TAILQ_REMOVE(&services->all, service, link);
	free(service->latencies);
	free(service);
}

void
service_desert(struct services *services, struct service *service)
{
	if (service->n_workers > 0 || service->n_waiting == 0 || service->is_deserted)
		return;
	service->is_deserted = true;
	TAILQ_INSERT_TAIL(&services->deserted, service, deserted_link);
}

const struct service_rule *
service_rule_look_up(struct services *services, struct service *service)
{
	service->rule = service_rule_find(services->rules, service_name(service), &services->flow->work.done);
	service->rules_generation = services->rules_generation;
	return service->rule;
}

struct party *
party_get(struct services *services, struct client *c)
{
	struct party *party = party_find(services, c);

	if (party)
		return party;
	party = calloc(1, sizeof(*party));
	if (!party || hashtable_insert(&services->parties, &party->node, c->id) < 0) {
		free(party);
		return NULL;
	}
	party->client = c;
	c->has_party = true;
	STAILQ_INIT(&party->parked);
	TAILQ_INIT(&party->running);
	return party;
}

void
party_free(struct services *services, struct party *party)
{
	assert(party->n_services == 0 && party->n_parked == 0 && party->n_running == 0 && party->n_calls == 0);
	output_limit_charge(services->flow, party->client->user, &party->charged, 0);
	services->flow->chunks.released += sizeof(*party);
	hashtable_remove(&services->parties, &party->node);
	party->client->has_party = false;
	free(party);
}

void
party_charge_user(struct services *services, struct party *party)
{
	/* One that has many requests will have more, or less, soon. */
	size_t ahead = party->cost > 2 * PARTY_SLACK ? PARTY_SLACK / 2 : 0;

	output_limit_charge(services->flow, party->client->user, &party->charged, party->cost + ahead);
}

void
party_settle(struct services *services, struct party *party)
{
	struct client *c = party->client;

	if (--party->n_slots == 0 && c->in_list == &services->settling)
		flow_resume(services->flow, c);
}
