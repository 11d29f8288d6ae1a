#include "calls.h"

#include <errno.h>
#include <stdlib.h>

#include "output-slot.h"

/* Payloads up to so many bytes are kept, in case the worker goes before it is sent the request. */
#define KEPT_MAX 1024

_Static_assert(CALLS_MAX + 1024 < 1 << 14, "as wide as the fields of struct party");

static const struct slice calls_nothing;

/* Whether the service takes one more request of the client. Returns 0 or why not. */
static int
calls_check_limits(struct services *services, struct service *service, const struct client *c, const struct call *call)
{
	const struct service_rule *rule = service_rule(services, service);
	const struct party *party = party_find(services, c);

	if (!access_list_admits(&rule->call, &c->identity))
		return SERVICES_E_DENIED;
	if (service->n_workers == 0 && (call->wait_ms == 0 || services->is_stopping))
		return SERVICES_E_UNSERVED;
	if (service->n_idle == 0 && service->n_waiting >= rule->max_waiting)
		return SERVICES_E_BUSY;
	if (party && party->n_calls >= CALLS_MAX)
		return SERVICES_E_TOO_MANY;
	if (c->user->queued + REQUEST_COST + call->payload.len > services->flow->limits.queue_limit_per_uid)
		return SERVICES_E_OVER_QUOTA;
	return 0;
}

/* What is left when a request could not be made whole. */
static void
calls_undo(struct services *services, struct request *request)
{
	request_end(services, request, REQUEST_CANCELLED, calls_nothing);
	services->cancelled--;
}

/* Puts it into a new request, but for the slot. NULL without memory: then the service is released. */
static struct request *
calls_make(struct services *services, struct service *service, struct party *caller, const struct call *call)
{
	uint64_t longest = service_rule(services, service)->timeout_ms;
	struct request *request = request_new(services, service, caller);

	if (!request) {
		service_release(services, service);
		return NULL;
	}
	request->timeout_ms =
	    (uint32_t)(call->timeout_ms > 0 && call->timeout_ms < longest ? call->timeout_ms : longest);
	request->start_us = services_now_us(services);
	request->deadline_us = request->start_us + (uint64_t)request->timeout_ms * 1000;
	request->wait_until_us = request->start_us + call->wait_ms * 1000;
	request->retries = call->retries;
	if (call->channel.p) {
		request->channel = malloc(call->channel.len + 1);
		if (request->channel)
			slice_put(request->channel, call->channel);
		request->channel_len = call->channel.len;
	}
	if ((call->channel.p && (!request->channel || request_enter(services, request) < 0)) ||
	    request_set_alarm(services, request,
	                      service->n_workers == 0 && request->wait_until_us < request->deadline_us
	                          ? request->wait_until_us
	                          : request->deadline_us) < 0) {
		calls_undo(services, request);
		return NULL;
	}
	return request;
}

/* Gives it to a worker, or lets it wait for one. Returns 0 or -ENOMEM. */
static int
calls_place(struct services *services, struct request *request, const struct call *call)
{
	bool is_kept = request->retries > 0 || call->payload.len <= KEPT_MAX || request->service->n_idle == 0;

	if (is_kept && request_keep_payload(services, request, call->payload) < 0)
		return -ENOMEM;
	if (matching_give(services, request, call->payload))
		return 0;
	if (!request->has_payload && request_keep_payload(services, request, call->payload) < 0)
		return -ENOMEM;
	request_wait(services, request, false);
	return 0;
}

int
calls_begin(struct services *services, struct client *c, const struct call *call, uint64_t *ret_id)
{
	struct service *service = service_get(services, call->name);
	struct party *caller;
	struct request *request;
	int r;

	if (!service)
		return -ENOMEM;
	r = calls_check_limits(services, service, c, call);
	caller = r == 0 ? party_get(services, c) : NULL;
	if (!caller)
		service_release(services, service);
	request = caller ? calls_make(services, service, caller, call) : NULL;
	if (!request) {
		services->refused += r != SERVICES_E_UNSERVED;
		services->unserved += r == SERVICES_E_UNSERVED;
		return r != 0 ? r : -ENOMEM;
	}
	*ret_id = request_id(request);
	if (!call->channel.p && !call->is_muted) {
		request->slot = output_push_slot(services->flow, c);
		if (request->slot)
			caller->n_slots++;
	}
	if (c->state == CLIENT_DEAD) {
		calls_undo(services, request);
		return 0;
	}
	services->calls++;
	r = calls_place(services, request, call);
	if (r < 0) {
		if (request->slot)
			flow_out_of_memory(services->flow, c); /* it is promised an answer */
		calls_undo(services, request);
	}
	return r < 0 && !call->channel.p && !call->is_muted ? 0 : r;
}

bool
calls_cancel(struct services *services, struct client *c, uint64_t id)
{
	struct request *request = request_find(services, id);

	services->flow->work.done += WORK_LOOKUP;
	if (!request || request->caller != party_find(services, c) || !request->channel)
		return false;
	request_end(services, request, REQUEST_CANCELLED, calls_nothing);
	return true;
}

struct request *
calls_find_running(struct services *services, const struct client *worker, uint64_t id)
{
	struct request *request = request_find(services, id);

	services->flow->work.done += WORK_LOOKUP;
	return request && request->worker && request->worker == party_find(services, worker) ? request : NULL;
}

void
calls_drop(struct services *services, struct party *caller)
{
	struct request *request;

	while ((request = LIST_FIRST(&caller->calls)))
		request_end(services, request, REQUEST_CANCELLED, calls_nothing);
}

static void
calls_expire(struct services *services, struct request *request, uint64_t now_us)
{
	bool is_over = now_us >= request->deadline_us;

	if (is_over && request->service->n_workers == 0 && !request->worker && !request->was_given)
		request_end(services, request, REQUEST_UNSERVED, calls_nothing);
	else if (is_over)
		request_end(services, request, REQUEST_TIMED_OUT, calls_nothing);
	else if (request->service->n_workers == 0 && !request->worker)
		request_end(services, request, request->was_given ? REQUEST_GONE : REQUEST_UNSERVED, calls_nothing);
	else if (request_set_alarm(services, request, request->deadline_us) < 0)
		flow_out_of_memory(services->flow, request->caller->client);
}

void
calls_check(struct services *services, uint64_t now_us)
{
	struct request *first;

	while ((first = request_first_due(services)) && first->alarm.key <= now_us &&
	       !work_is_pass_over(&services->flow->work)) {
		services->flow->work.done += WORK_LOOKUP;
		calls_expire(services, first, now_us);
	}
}

/* Returns whether all requests of the service have been looked at. */
static bool
calls_desert(struct services *services, struct service *service, uint64_t end)
{
	uint64_t now_us = services_now_us(services);
	struct request *request, *next;

	for (request = TAILQ_FIRST(&service->waiting); request; request = next) {
		next = TAILQ_NEXT(request, link);
		services->flow->work.done += WORK_VISIT;
		if (services->flow->work.done >= end)
			return false;
		if (request->wait_until_us <= now_us || services->is_stopping) {
			/* The last one may free the service. */
			request_end(services, request, request->was_given ? REQUEST_GONE : REQUEST_UNSERVED,
			            calls_nothing);
		} else if (request->wait_until_us < request->deadline_us &&
		           request->alarm.key > request->wait_until_us) {
			services->flow->work.done += WORK_LOOKUP;
			if (request_set_alarm(services, request, request->wait_until_us) < 0)
				flow_out_of_memory(services->flow, request->caller->client);
		}
	}
	return true;
}

void
calls_check_deserted(struct services *services, uint64_t end)
{
	struct service *service;

	while ((service = TAILQ_FIRST(&services->deserted)) && services->flow->work.done < end) {
		if (service->n_workers == 0 && service->n_waiting > 0) {
			service->n_workers++; /* so that it stays meanwhile */
			if (!calls_desert(services, service, end)) {
				service->n_workers--;
				return;
			}
			service->n_workers--;
		}
		TAILQ_REMOVE(&services->deserted, service, deserted_link);
		service->is_deserted = false;
		service_release(services, service);
	}
}
