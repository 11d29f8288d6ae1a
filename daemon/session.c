#include "session.h"

#include <assert.h>
#include <stdlib.h>

#include "bus.h"
#include "chunk.h"
#include "input.h"
#include "log.h"
#include "monitor.h"
#include "router.h"
#include "transaction.h"

void
session_init(struct session *s, struct bus *bus, const struct identity *identity)
{
	*s = (struct session){ .id = ++bus->last_id, .identity = *identity, .progress_ms = bus->now_ms };
	s->created_s = s->active_s = bus_seconds(bus);
	TAILQ_INSERT_TAIL(&bus->sessions, s, link);
	outq_init(&s->out);
	LIST_INIT(&s->subscriptions);
	bus->stats.clients++;
}

static void
free_info(struct session_info *info)
{
	if (!info)
		return;
	free(info->name);
	free(info->lib_name);
	free(info->lib_version);
	transaction_free(info->transaction);
	free(info);
}

void
session_deinit(struct session *s, struct bus *bus)
{
	uint64_t lost;

	router_leave(bus, s);
	monitor_leave(bus, s);
	session_set_out_state(s, bus, SESSION_OUT_IDLE);
	session_set_state(s, bus, SESSION_DEAD, NULL);
	lost = outq_clear(&s->out);
	if (lost > 0)
		log_info("client %llu (pid %d, uid %u): gone with up to %llu messages not delivered",
		         (unsigned long long)s->id, (int)s->identity.pid, s->identity.uid, (unsigned long long)lost);
	bus->stats.undelivered += lost;
	session_check_clogged(s, bus);
	input_free(s->in);
	s->in = NULL;
	free_info(s->info);
	s->info = NULL;
	TAILQ_REMOVE(&bus->sessions, s, link);
	bus->stats.clients--;
}

void
session_set_state(struct session *s, struct bus *bus, enum session_state state, struct session_list *list)
{
	if (s->state == SESSION_DEAD && (state != SESSION_DEAD || (list && s->in_list)))
		return;
	if (s->in_list)
		TAILQ_REMOVE(s->in_list, s, in_link);
	if (list)
		TAILQ_INSERT_TAIL(list, s, in_link);
	bus->n_waiting -= s->state == SESSION_WAITING;
	bus->n_waiting += state == SESSION_WAITING;
	s->in_list = list;
	s->state = (uint8_t)state;
}

static struct session_list *
out_list(struct bus *bus, enum session_out_state state)
{
	switch (state) {
	case SESSION_OUT_RECEIVER:
		return &bus->receivers;
	case SESSION_OUT_REPLIER:
		return &bus->repliers;
	case SESSION_OUT_BLOCKED:
		return &bus->blocked;
	case SESSION_OUT_IDLE:
	case SESSION_OUT_GATED:
		return NULL;
	}
	return NULL;
}

void
session_set_out_state(struct session *s, struct bus *bus, enum session_out_state state)
{
	struct session_list *from = out_list(bus, s->out_state), *to = out_list(bus, state);

	if (s->out_state == state)
		return;
	if (s->out_state == SESSION_OUT_GATED)
		barrier_forget(&s->gate);
	if (from)
		TAILQ_REMOVE(from, s, out_link);
	if (to)
		TAILQ_INSERT_TAIL(to, s, out_link);
	s->out_state = (uint8_t)state;
}

void
session_finish(struct session *s, struct bus *bus)
{
	router_leave(bus, s);
	monitor_leave(bus, s);
	session_set_state(s, bus, SESSION_CLOSING, NULL);
	if (s->out_state == SESSION_OUT_IDLE)
		session_set_out_state(s, bus, SESSION_OUT_REPLIER);
}

void
session_mark_dead(struct session *s, struct bus *bus)
{
	if (s->state != SESSION_DEAD)
		session_set_state(s, bus, SESSION_DEAD, &bus->dead);
}

void
session_kill(struct session *s, struct bus *bus)
{
	router_leave(bus, s);
	session_mark_dead(s, bus);
}

void
session_out_of_memory(struct session *s, struct bus *bus)
{
	log_error("client %llu: out of memory, closed", (unsigned long long)s->id);
	session_mark_dead(s, bus);
}

void
session_resume(struct session *s, struct bus *bus)
{
	if (s->state == SESSION_WAITING)
		session_set_state(s, bus, SESSION_READY, &bus->ready);
}

void
session_check_clogged(struct session *s, struct bus *bus)
{
	size_t limit = bus->limits.queue_limit, cost = outq_cost(&s->out);
	bool clogged = cost > (s->clogged ? limit / 2 : limit);
	struct session *waiting;

	if (clogged == s->clogged)
		return;
	s->clogged = clogged;
	bus->clog_generation++;
	log_debug("client %llu: %s, %zu bytes unsent", (unsigned long long)s->id, clogged ? "clogged" : "drained",
	          cost);
	if (clogged) {
		bus->n_clogged++;
		return;
	}
	bus->n_clogged--;
	while ((waiting = TAILQ_FIRST(&bus->throttled)))
		session_resume(waiting, bus);
}

void
session_queue(struct session *s, struct bus *bus, struct chunk *chunk, size_t offset, size_t len,
              struct barrier *barrier, uint32_t messages)
{
	bool is_waiting = s->out_state == SESSION_OUT_BLOCKED || s->out_state == SESSION_OUT_GATED;
	int r;

	if (s->state == SESSION_DEAD)
		return;
	if (is_waiting && len <= OUTQ_COPY_MAX)
		r = outq_push_copy(&s->out, &bus->chunks, chunk->data + offset, len, barrier, messages);
	else
		r = outq_push(&s->out, chunk, offset, len, barrier, messages);
	if (r < 0) {
		session_out_of_memory(s, bus);
		return;
	}
	if (s->out_state == SESSION_OUT_IDLE)
		s->progress_ms = bus->now_ms;
	if (s->out_state == SESSION_OUT_IDLE || (messages > 0 && s->out_state == SESSION_OUT_REPLIER))
		session_set_out_state(s, bus, messages > 0 ? SESSION_OUT_RECEIVER : SESSION_OUT_REPLIER);
	if (outq_cost(&s->out) > bus->limits.queue_limit)
		session_check_clogged(s, bus);
}

void
session_next_reply(struct session *s)
{
	if (s->reply_mode == REPLY_SKIP_NEXT)
		s->reply_mode = REPLY_SKIP;
	else if (s->reply_mode == REPLY_SKIP)
		s->reply_mode = REPLY_ON;
}

bool
session_is_admin(const struct session *s, const struct bus *bus)
{
	return !s->identity.anonymous && (s->identity.uid == 0 || s->identity.uid == bus->own_uid);
}

bool
session_may_see(const struct session *s, const struct session *other, const struct bus *bus)
{
	if (s == other || session_is_admin(s, bus))
		return true;
	return !s->identity.anonymous && !other->identity.anonymous && s->identity.uid == other->identity.uid;
}

struct session_info *
session_get_info(struct session *s)
{
	if (!s->info)
		s->info = calloc(1, sizeof(*s->info));
	return s->info;
}
