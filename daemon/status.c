/*
 * The first change after a quiet time is reported at once and starts the timer. When the timer ends, the changes since
 * then are reported with their rate, and it starts again; without changes, the line is sent without a rate, and the
 * timer rests.
 */
#include "status.h"

#include <stdio.h>
#include <time.h>

#include <event2/event.h>

#include "human.h"
#include "loop.h"
#include "service-manager.h"

static bool
status_has_changed(const struct status *status)
{
	const struct stats *now = &loop_bus(status->loop)->flow.stats, *told = &status->told;

	return now->clients != told->clients || now->messages != told->messages ||
	       now->deliveries != told->deliveries || now->dropped != told->dropped;
}

/* Sends the line, after the notices that are still owed. Returns whether the manager's socket took it. */
static bool
status_tell(struct status *status)
{
	const struct stats *stats = &loop_bus(status->loop)->flow.stats;
	char rate[32] = "";

	if (status->owes_reloading_us > 0 &&
	    !service_manager_tell("RELOADING=1\nMONOTONIC_USEC=%llu", (unsigned long long)status->owes_reloading_us))
		return false;
	status->owes_reloading_us = 0;
	if (status->rate > 0)
		snprintf(rate, sizeof(rate), " (%llu/s)", (unsigned long long)status->rate);
	if (!service_manager_tell("%sSTATUS=%s%llu client%s; %llu message%s published%s, %llu delivered, %llu dropped",
	                          status->owes_ready ? "READY=1\n" : "",
	                          status->loop->sessions.reload_failed ? "The last reload failed, see the log; " : "",
	                          (unsigned long long)stats->clients, human_s(stats->clients),
	                          (unsigned long long)stats->messages, human_s(stats->messages), rate,
	                          (unsigned long long)stats->deliveries, (unsigned long long)stats->dropped))
		return false;
	status->owes_ready = false;
	status->told = *stats;
	status->told_ms = loop_bus(status->loop)->flow.now_ms;
	return true;
}

static void
status_wait_a_while(struct status *status)
{
	bool owes = status->owes_ready || status->owes_reloading_us > 0;

	loop_add_timer(&status->timer, owes ? STATUS_RETRY_MS : STATUS_INTERVAL_MS);
	status->is_waiting = true;
}

static void
status_timer_cb(evutil_socket_t fd __attribute__((unused)), short what __attribute__((unused)), void *arg)
{
	struct status *status = arg;
	struct flow *flow = &loop_bus(status->loop)->flow;
	uint64_t old_rate = status->rate, n = flow->stats.messages - status->told.messages, ms;
	bool is_busy = status_has_changed(status) || status->owes_ready;

	status->is_waiting = false;
	flow_update_time(flow);
	ms = flow->now_ms - status->told_ms;
	status->rate = ms > 0 ? n * 1000 / ms : 0;
	if (is_busy || old_rate > 0)
		status_tell(status);
	if (is_busy)
		status_wait_a_while(status);
}

void
status_init(struct status *status, struct loop *loop)
{
	*status = (struct status){ .loop = loop, .is_on = service_manager_is_present() };
	evtimer_assign(&status->timer, loop->base, status_timer_cb, status);
}

void
status_deinit(struct status *status)
{
	event_del(&status->timer);
}

void
status_update(struct status *status)
{
	if (!status->is_on || status->is_waiting || !status_has_changed(status))
		return;
	status_tell(status);
	status_wait_a_while(status);
}

void
status_reloading(struct status *status)
{
	struct timespec now;

	if (!status->is_on)
		return;
	clock_gettime(CLOCK_MONOTONIC, &now);
	status->owes_reloading_us = (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000;
	if (service_manager_tell("RELOADING=1\nMONOTONIC_USEC=%llu", (unsigned long long)status->owes_reloading_us))
		status->owes_reloading_us = 0;
}

void
status_ready(struct status *status)
{
	if (!status->is_on)
		return;
	status->owes_ready = true;
	if (!status_tell(status) && !status->is_waiting)
		status_wait_a_while(status);
}
