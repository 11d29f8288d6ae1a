#include "request.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "outq-slot.h"

#define REQUEST(node_) ((struct request *)((char *)(node_)-offsetof(struct request, node)))

/* Size of the free list. */
#define SPARE_MAX 1024

static struct request *
request_allocate(struct services *services)
{
	struct request *request = services->spare;

	if (!request)
		return malloc(sizeof(*request));
	services->spare = LIST_NEXT(request, call_link);
	services->n_spare--;
	return request;
}

struct request *
request_new(struct services *services, struct service *service, struct party *caller)
{
	struct request *request = request_allocate(services);

	if (!request)
		return NULL;
	memset(request, 0, offsetof(struct request, bytes));
	request->service = service;
	request->caller = caller;
	LIST_INSERT_HEAD(&caller->calls, request, call_link);
	caller->n_calls++;
	request->charged = REQUEST_COST;
	party_charge(services, caller, REQUEST_COST);
	return request;
}

int
request_keep_payload(struct services *services, struct request *request, struct slice payload)
{
	uint8_t *p = request->bytes;

	if (payload.len > REQUEST_INLINE) {
		p = malloc(payload.len);
		if (!p)
			return -ENOMEM;
		services->flow->work.done += WORK_FRESH * WORK_BYTES(payload.len);
		request->charged += payload.len;
		party_charge(services, request->caller, (int64_t)payload.len);
	}
	slice_put(p, payload);
	request->payload = (struct slice){ p, payload.len };
	request->has_payload = true;
	return 0;
}

static struct request **
request_place(struct services *services, uint64_t id)
{
	return &services->by_id[id % SERVICES_PLACES];
}

int
request_enter(struct services *services, struct request *request)
{
	struct request **place;

	if (request->node.hash > 0)
		return 0;
	place = request_place(services, ++services->last_id);
	if (*place && hashtable_insert(&services->requests, &request->node, services->last_id) < 0)
		return -ENOMEM;
	request->node.hash = services->last_id;
	*place = *place ? *place : request;
	services->n_requests++;
	return 0;
}

static void
request_leave(struct services *services, struct request *request)
{
	struct request **place = request_place(services, request->node.hash);

	if (request->node.hash == 0)
		return;
	services->n_requests--;
	if (*place == request)
		*place = NULL;
	else
		hashtable_remove(&services->requests, &request->node);
}

struct request *
request_find(struct services *services, uint64_t id)
{
	struct request *request = *request_place(services, id);
	struct hashtable_node *node;

	if (request && request->node.hash == id)
		return request;
	node = hashtable_first(&services->requests, id);
	return node ? REQUEST(node) : NULL;
}

static void
request_clear_alarm(struct services *services, struct request *request)
{
	if (request->alarm_link.tqe_prev) {
		TAILQ_REMOVE(&services->in_order, request, alarm_link);
		request->alarm_link.tqe_prev = NULL;
	} else {
		heap_remove(&services->alarms, &request->alarm);
	}
}

int
request_set_alarm(struct services *services, struct request *request, uint64_t us)
{
	const struct request *last;

	request_clear_alarm(services, request);
	last = TAILQ_LAST(&services->in_order, request_list);
	if (last && last->alarm.key > us)
		return heap_add(&services->alarms, &request->alarm, us);
	request->alarm.key = us;
	TAILQ_INSERT_TAIL(&services->in_order, request, alarm_link);
	return 0;
}

void
request_wait(struct services *services, struct request *request, bool is_first)
{
	struct service *service = request->service;

	if (is_first)
		TAILQ_INSERT_HEAD(&service->waiting, request, link);
	else
		TAILQ_INSERT_TAIL(&service->waiting, request, link);
	service->n_waiting++;
	services->n_waiting++;
}

void
request_run(struct services *services, struct request *request, struct party *worker)
{
	request->worker = worker;
	request->was_given = true;
	TAILQ_INSERT_TAIL(&worker->running, request, link);
	worker->n_running++;
	request->service->n_running++;
	services->n_running++;
}

void
request_stop(struct services *services, struct request *request)
{
	struct service *service = request->service;

	if (request->is_untold) {
		TAILQ_REMOVE(&services->untold, request, link);
		service->n_untold--;
		request->is_untold = false;
	} else if (request->worker) {
		TAILQ_REMOVE(&request->worker->running, request, link);
		request->worker->n_running--;
		service->n_running--;
		services->n_running--;
		request->worker = NULL;
		barrier_unref(request->given);
		request->given = NULL;
	} else if (request->link.tqe_prev) {
		TAILQ_REMOVE(&service->waiting, request, link);
		service->n_waiting--;
		services->n_waiting--;
	}
	request->link.tqe_prev = NULL;
}

static void
request_count(struct services *services, struct request *request, enum request_end how)
{
	struct service *service = request->service;

	switch (how) {
	case REQUEST_ANSWERED:
	case REQUEST_FAILED:
		if (!service->latencies)
			service->latencies = calloc(1, sizeof(*service->latencies));
		if (service->latencies)
			latencies_add(service->latencies, services_now_us(services) - request->start_us);
		if (how == REQUEST_ANSWERED)
			service->answered++, services->answered++;
		else
			service->failed++, services->failed++;
		break;
	case REQUEST_TIMED_OUT:
		service->timed_out++, services->timed_out++;
		break;
	case REQUEST_GONE:
		service->gone++, services->gone++;
		break;
	case REQUEST_UNSERVED:
		services->unserved++;
		break;
	case REQUEST_CANCELLED:
		services->cancelled++;
		break;
	}
}

/* Its end is published later, when that does not come in between what must not be interrupted. */
static void
request_put_off(struct services *services, struct request *request, enum request_end how)
{
	request_stop(services, request);
	request_clear_alarm(services, request);
	request->is_untold = true;
	request->end = how;
	request->service->n_untold++;
	TAILQ_INSERT_TAIL(&services->untold, request, link);
}

void
request_tell(struct services *services, uint64_t end)
{
	struct request *request;

	while ((request = TAILQ_FIRST(&services->untold)) && services->flow->work.done < end)
		request_end(services, request, request->end, (struct slice){ 0 });
}

void
request_end(struct services *services, struct request *request, enum request_end how, struct slice text)
{
	struct service *service = request->service;
	struct party *caller = request->caller;

	services->flow->work.done += WORK_LOOKUP;
	if (request->channel && how >= REQUEST_TIMED_OUT && how != REQUEST_CANCELLED && services->flow->is_exclusive) {
		request_put_off(services, request, how);
		return;
	}
	request_stop(services, request);
	request_count(services, request, how);
	request_clear_alarm(services, request);
	request_leave(services, request);
	if (how != REQUEST_CANCELLED)
		services->ops->end(services, request, how, text);
	if (request->slot) {
		outq_abandon(request->slot);
		party_settle(services, caller);
	}
	LIST_REMOVE(request, call_link);
	caller->n_calls--;
	party_charge(services, caller, -(int64_t)request->charged);
	service_release(services, service);
	if (request->payload.len > REQUEST_INLINE) {
		services->flow->chunks.released += request->payload.len;
		free((void *)request->payload.p);
	}
	if (request->channel)
		free(request->channel);
	if (services->n_spare == SPARE_MAX) {
		free(request);
		return;
	}
	LIST_NEXT(request, call_link) = services->spare;
	services->spare = request;
	services->n_spare++;
}
