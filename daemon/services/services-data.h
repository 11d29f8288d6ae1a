/*
 * The structs of services. A service is a name that requests are sent to. A party is what is known of a client that
 * calls or serves. A request is in exactly one place: it waits for a worker in the list of its service, or it runs and
 * is in the list of the worker that was given it. Its caller has it in a list, too, and gets exactly one answer.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/queue.h>

#include "flow.h"
#include "hashtable.h"
#include "heap.h"
#include "latencies.h"
#include "protocol.h"
#include "service-rule.h"
#include "siphash.h"

/* Payloads up to so many bytes need no memory of their own. */
#define REQUEST_INLINE 64

/* Of services.by_id; a power of two. */
#define SERVICES_PLACES 1024

/* What a request costs beside its payload, and a parked NEXT, in bytes: what they take of the heap, with a queue for
 * the answer. */
#define REQUEST_COST ((size_t)768)
#define PARKED_COST ((size_t)448)
/* So much less a party may cost than its user is charged with. */
#define PARTY_SLACK ((size_t)4096)

struct party;
struct request;
struct service;
struct services;

TAILQ_HEAD(request_list, request);

/* A worker of a service. */
struct serving {
	struct service *service;
	struct party *party;
	LIST_ENTRY(serving) link;       /* of the party */
	TAILQ_ENTRY(serving) idle_link; /* of the service, if the worker has a parked NEXT and is_idle */
	bool is_idle;
};

/* A NEXT that waits for a request. */
struct parked {
	STAILQ_ENTRY(parked) link; /* of the party */
	struct party *party;
	struct barrier *slot;   /* where its answer goes; a reference */
	struct heap_node alarm; /* in services.parked_alarms, if it has a timeout */
};

struct party {
	struct hashtable_node node; /* in services.parties; its hash is the id of the client */
	struct client *client;
	LIST_HEAD(, serving) services;
	STAILQ_HEAD(, parked) parked; /* oldest first */
	struct request_list running;  /* requests that it was given as a worker, oldest first */
	LIST_HEAD(, request) calls;   /* its own ones as a caller */
	/* See WORKER_SERVICES_MAX, WORKER_REQUESTS_MAX and CALLS_MAX; a parked NEXT and a call have a slot. */
	uint64_t n_services : 10, n_parked : 10, n_running : 10, n_calls : 14, n_slots : 14;
	/* Bytes that it takes; and that its user is charged with, which is not lowered each time. */
	size_t cost, charged;
};

/* How a request ends. */
enum request_end {
	REQUEST_ANSWERED, /* with the payload of the worker */
	REQUEST_FAILED,   /* with its text */
	REQUEST_TIMED_OUT,
	REQUEST_GONE,      /* the worker has */
	REQUEST_UNSERVED,  /* nobody serves it */
	REQUEST_CANCELLED, /* by its caller, or that has gone: it is told nothing */
};

struct request {
	struct hashtable_node node; /* its hash is the id, or 0; in services.requests, unless it is in services.by_id */
	TAILQ_ENTRY(request) link;  /* see above */
	LIST_ENTRY(request) call_link;
	struct service *service;
	struct party *caller;
	struct party *worker; /* that was given it; NULL while it waits */
	/* The key: its deadline, or the end of WAIT if that comes first. In services.alarms, or else in .in_order. */
	struct heap_node alarm;
	TAILQ_ENTRY(request) alarm_link;
	struct barrier *slot;  /* of a CALL: where the answer goes; NULL: of an ASK, or nobody wants it. A reference. */
	struct barrier *given; /* of what the worker was sent; a reference; see outq_slot_is_unsent() */
	uint64_t start_us;     /* of CLOCK_MONOTONIC, as all times */
	uint64_t deadline_us, wait_until_us;
	uint32_t timeout_ms;
	uint32_t retries; /* how often it may be given once more */
	size_t charged;
	bool was_given; /* once at least */
	bool is_untold; /* it has ended so, and is in the list services.untold */
	enum request_end end;
	bool has_payload; /* and so can be given once more */
	uint8_t *channel; /* of an ASK: where the answer is published; or NULL */
	size_t channel_len;
	struct slice payload;
	uint8_t bytes[REQUEST_INLINE];
};

struct service {
	struct hashtable_node node; /* in services.table */
	TAILQ_ENTRY(service) link;  /* in services.all */
	TAILQ_ENTRY(service) deserted_link;
	TAILQ_HEAD(, serving) idle; /* the one that is idle for longest first */
	struct request_list waiting;
	uint64_t n_workers, n_idle, n_waiting, n_running, n_untold;
	uint64_t answered, failed, gone, timed_out;
	const struct service_rule *rule;
	uint64_t rules_generation;
	struct latencies *latencies; /* or NULL: nothing was answered yet */
	bool is_deserted;            /* on the list services.deserted: its last worker has gone, and requests wait */
	size_t name_len;
	uint8_t name[];
};

/* What services need of the layers above, for one client each. */
struct services_ops {
	/*
	 * Answers a NEXT with the request, whose payload is given apart: in the slot, or with slot NULL as its next
	 * reply. Returns a reference to the barrier of what was queued, or NULL: the client has died.
	 */
	struct barrier *(*give)(struct services *services, struct client *worker, struct barrier *slot,
	                        const struct request *request, struct slice payload);
	/* Answers a parked NEXT with nothing. */
	void (*give_nothing)(struct services *services, struct client *worker, struct barrier *slot);
	/* Tells the caller of the request how it has ended; text: of the worker. */
	void (*end)(struct services *services, const struct request *request, enum request_end how, struct slice text);
	/* Whether nobody reads what is sent to the client. Costs a system call. */
	bool (*is_gone)(struct services *services, const struct client *c);
};

struct services_walk {
	LIST_ENTRY(services_walk) link;
	struct service *next; /* or NULL */
};

struct services {
	struct flow *flow;
	const struct services_ops *ops;
	struct hashtable table; /* of services, by name */
	struct hashtable parties;
	/*
	 * Requests that run, or that were asked for with ASK, by id. Ids are given in turn, so while they are few, each
	 * has a place of its own; one whose place is taken is in the table.
	 */
	struct request *by_id[SERVICES_PLACES];
	struct hashtable requests;
	uint64_t n_requests; /* in both */
	TAILQ_HEAD(, service) all;
	TAILQ_HEAD(, service) deserted;
	struct request_list untold; /* of ASK, that have ended while nothing could be published */
	LIST_HEAD(, services_walk) walks;
	struct service *recent; /* that was looked for last, or NULL */
	/* Most deadlines are later than all before: such requests need no heap. */
	struct request_list in_order;
	struct heap alarms, parked_alarms;
	struct client_list settling;       /* clients that wait until their slots are filled in */
	const struct service_rules *rules; /* or NULL */
	uint64_t rules_generation;
	uint64_t last_id;
	struct siphash_key key; /* of the hash of names */
	uint64_t now_us;        /* the time, or 0: it was not asked for in this pass */
	STAILQ_HEAD(, parked) spare_parked;
	uint32_t n_spare_parked;
	struct request *spare; /* a free list, by call_link */
	uint32_t n_spare;
	uint64_t n_workings, n_parked, n_waiting, n_running; /* n_workings: workers, for each service once */
	uint64_t calls, answered, failed, gone, timed_out, unserved, refused, cancelled, retried;
	bool is_stopping;
};
