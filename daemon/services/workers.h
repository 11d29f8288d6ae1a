/* Workers: which services they serve, and their NEXT. */
#pragma once

#include "matching.h"

/* Services of one worker, and requests that one has or asks for, at most. */
#define WORKER_SERVICES_MAX 1000
#define WORKER_REQUESTS_MAX 1000

/* Bytes of the name of a service, at most. */
#define SERVICE_NAME_MAX PROTOCOL_NAME_MAX

enum {
	SERVICES_E_DENIED = 1,
	SERVICES_E_TOO_MANY,   /* of the client */
	SERVICES_E_OVER_QUOTA, /* of its user */
	SERVICES_E_UNSERVED,
	SERVICES_E_BUSY, /* too many requests wait for the service */
};

/* The client serves a service from now on. Returns 0, -ENOMEM, SERVICES_E_DENIED or SERVICES_E_TOO_MANY. */
int workers_serve(struct services *services, struct client *c, struct slice name);

/* It does not any more. No-op if it did not. What it was given it may still answer. */
void workers_unserve(struct services *services, struct client *c, struct slice name);

/* It serves nothing any more; its parked NEXT are answered. */
void workers_unserve_all(struct services *services, struct client *c);

/*
 * UINT64_MAX: none, 0: it does not wait. Returns 0; -ENOMEM; -EAGAIN: nothing waits, and the caller replies that;
 * SERVICES_E_UNSERVED: it serves nothing; SERVICES_E_TOO_MANY; SERVICES_E_OVER_QUOTA.
 */
int workers_next(struct services *services, struct client *c, uint64_t timeout_ms);

/* The worker answers no more: its input has ended, or it is gone. What runs there is lost. */
void workers_leave(struct services *services, struct client *c);

/* The timeout of parked NEXT, see services_check(). */
void workers_check(struct services *services, uint64_t now_us);

/* Services that a client serves. */
static inline uint32_t
workers_count(const struct services *services, const struct client *c)
{
	const struct party *party = party_find(services, c);

	return party ? party->n_services : 0;
}
