/* The services that have a worker or a request, by name. */
#pragma once

#include "services-data.h"

/* The service, or NULL. */
struct service *service_find(struct services *services, struct slice name);

/* Likewise, made if needed. NULL without memory. The caller calls service_release() if it puts nothing into it. */
struct service *service_get(struct services *services, struct slice name);

/* Frees the service if it has neither workers nor requests. */
void service_release(struct services *services, struct service *service);

/* If requests wait for the service and nobody serves it, they are ended in the next passes (calls_check_deserted()). */
void service_desert(struct services *services, struct service *service);

/* For service_rule(). */
const struct service_rule *service_rule_look_up(struct services *services, struct service *service);

/* The rule of the service, until other rules are set. */
static inline const struct service_rule *
service_rule(struct services *services, struct service *service)
{
	return service->rules_generation == services->rules_generation ? service->rule
	                                                               : service_rule_look_up(services, service);
}

static inline struct slice
service_name(const struct service *service)
{
	return (struct slice){ service->name, service->name_len };
}

/* CLOCK_MONOTONIC in microseconds, read once in each pass. */
uint64_t services_now_us(struct services *services);

/* What is known of the client as a party; or NULL. */
static inline struct party *
party_find(const struct services *services, const struct client *c)
{
	struct hashtable_node *node = c->has_party ? hashtable_first(&services->parties, c->id) : NULL;

	return node ? (struct party *)((char *)node - offsetof(struct party, node)) : NULL;
}

/* Likewise; made if needed, and kept until party_free(). NULL without memory. */
struct party *party_get(struct services *services, struct client *c);

/* Frees what is known of a client that neither serves nor has requests. */
void party_free(struct services *services, struct party *party);

/* For party_charge(): what the user is charged with must change. */
void party_charge_user(struct services *services, struct party *party);

/* The party takes so many bytes more, or less. */
static inline void
party_charge(struct services *services, struct party *party, int64_t bytes)
{
	party->cost += (size_t)bytes;
	if (party->cost > party->charged || party->cost + PARTY_SLACK < party->charged)
		party_charge_user(services, party);
}

/* A slot of the client was filled in: who waits until all are goes on. */
void party_settle(struct services *services, struct party *party);
