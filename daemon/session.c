#include "session.h"

#include <assert.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "bus.h"
#include "chunk.h"
#include "feed.h"
#include "input.h"
#include "log.h"
#include "missed.h"
#include "monitor.h"
#include "peercred.h"
#include "quota.h"
#include "reply.h"
#include "router.h"
#include "tap.h"
#include "transaction.h"

/* Lines about clients in so many milliseconds. */
#define CLIENT_LOG_MS 10000
#define CLIENT_LOG_LINES 100

int
session_init(struct session *s, struct bus *bus, const struct identity *given)
{
	struct identity identity = *given;
	struct user *user = quota_enter(bus, &identity);

	if (!user) {
		group_set_unref(identity.groups);
		return -ENOMEM;
	}
	*s = (struct session){
		.id = ++bus->last_id,
		.identity = identity,
		.user = user,
		.progress_ms = (uint32_t)bus->now_ms,
		.created_s = bus->uptime_s,
		.active_s = bus->uptime_s,
	};
	TAILQ_INSERT_TAIL(&bus->sessions, s, link);
	outq_init(&s->out);
	LIST_INIT(&s->subscriptions);
	bus->stats.clients++;
	return 0;
}

static bool
may_log(struct bus *bus)
{
	if (bus->now_ms - bus->client_log.since_ms >= CLIENT_LOG_MS) {
		if (bus->client_log.omitted > 0)
			log_warning("%u lines about clients were left out", bus->client_log.omitted);
		bus->client_log.since_ms = bus->now_ms;
		bus->client_log.lines = bus->client_log.omitted = 0;
	}
	if (bus->client_log.lines == CLIENT_LOG_LINES) {
		bus->client_log.omitted++;
		return false;
	}
	bus->client_log.lines++;
	return true;
}

void
session_log(const struct session *s, struct bus *bus, enum log_level level, const char *format, ...)
{
	char text[512], command[PEERCRED_COMMAND_MAX];
	va_list ap;

	if (!log_is_on(level) || !may_log(bus))
		return;
	va_start(ap, format);
	vsnprintf(text, sizeof(text), format, ap);
	va_end(ap);
	peercred_command(&s->identity, command);
	if (s->identity.anonymous)
		log_write(level, "client %llu (anonymous): %s", (unsigned long long)s->id, text);
	else
		log_write(level, "client %llu (pid %d '%s', uid %u): %s", (unsigned long long)s->id,
		          (int)s->identity.pid, command, s->identity.uid, text);
}

/* Charges its user with what could not be written at once. */
static void
charge(struct session *s, struct bus *bus)
{
	quota_charge(bus, s->user, &s->charged, s->out.count > 0 ? outq_memory(&s->out) : 0);
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
	missed_free(info->missed);
	tap_free(info->tap);
	feed_free(info->feed);
	free(info);
}

uint64_t
session_kept_max(const struct bus *bus)
{
	uint64_t one = bus->limits.max_message + PROTOCOL_REQUEST_ROOM; /* there must be room for */

	return bus->limits.queue_limit_per_uid > one ? bus->limits.queue_limit_per_uid : one;
}

/* Counts what the session keeps for its user; those who wait until it is less try again. */
static void
set_kept(struct session *s, struct bus *bus, size_t kept, bool is_unfinished)
{
	struct user *user = s->user;
	bool was_over = user->kept > session_kept_max(bus);

	user->kept += kept - s->kept;
	user->unfinished += (is_unfinished ? kept : 0) - (s->is_unfinished ? s->kept : 0);
	s->kept = kept;
	s->is_unfinished = is_unfinished;
	if (was_over && user->kept <= session_kept_max(bus))
		session_resume_throttled(bus);
}

void
session_stop_output(struct session *s, struct bus *bus)
{
	uint64_t lost;

	router_leave(bus, s);
	session_set_out_state(s, bus, SESSION_OUT_IDLE);
	lost = outq_clear(&s->out);
	if (lost > 0)
		/* Who only writes to a channel that it is delivered, as logger(1) does, always leaves so. */
		session_log(s, bus, s->encoding >= ENCODING_LINE ? LOG_LEVEL_DEBUG : LOG_LEVEL_INFO,
		            "gone with up to %llu messages not delivered", (unsigned long long)lost);
	bus->stats.undelivered += lost;
	bus->stats.undelivered_slow += s->is_slow ? lost : 0;
	session_check_clogged(s, bus);
	charge(s, bus);
}

void
session_hide(struct session *s, struct bus *bus)
{
	s->is_hidden = true;
	bus->stats.clients--;
}

void
session_deinit(struct session *s, struct bus *bus)
{
	session_set_state(s, bus, SESSION_DEAD, NULL);
	monitor_leave(bus, s);
	tap_leave(bus, s);
	session_stop_output(s, bus);
	input_free(s->in);
	s->in = NULL;
	free_info(s->info);
	s->info = NULL;
	set_kept(s, bus, 0, false);
	TAILQ_REMOVE(&bus->sessions, s, link);
	quota_leave(bus, s->user);
	group_set_unref(s->identity.groups);
	bus->stats.clients -= !s->is_hidden;
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
	if (state == SESSION_OUT_GATED) /* where out_link was */
		s->gate = (struct barrier_waiter){ 0 };
	s->out_state = (uint8_t)state;
}

bool
session_wait(struct session *s, struct bus *bus, struct session_list *list)
{
	session_set_state(s, bus, SESSION_WAITING, list);
	return s->state == SESSION_WAITING;
}

void
session_finish(struct session *s, struct bus *bus)
{
	router_leave(bus, s);
	monitor_leave(bus, s);
	tap_leave(bus, s);
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
	session_log(s, bus, LOG_LEVEL_ERROR, "out of memory, closed");
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
	/* Within what its user may have, a client with little queued is no reason to wait for it. */
	bool clogged = cost > (s->clogged ? limit / 2 : limit) || (s->user->is_over && cost > QUOTA_OVER_MIN);

	if (clogged == s->clogged)
		return;
	s->clogged = clogged;
	bus->clog_generation++;
	log_debug("client %llu: %s, %zu bytes unsent", (unsigned long long)s->id, clogged ? "clogged" : "drained",
	          cost);
	if (clogged) {
		bus->n_clogged++;
		bus->has_untried = bus->has_untried || s->out_state < SESSION_OUT_BLOCKED;
		return;
	}
	bus->n_clogged--;
	missed_tell(bus, s);
	/* Its socket is listened to again, also where it was not its own write that drained it. */
	if (s->state == SESSION_OPEN)
		session_set_state(s, bus, SESSION_READY, &bus->ready);
	session_resume_throttled(bus);
}

bool
session_drops(const struct session *s, bool is_large)
{
	return s->clogged || (s->user->is_over && is_large);
}

void
session_resume_throttled(struct bus *bus)
{
	struct session *waiting;

	while ((waiting = TAILQ_FIRST(&bus->throttled)))
		session_resume(waiting, bus);
}

size_t
session_input_size(const struct session *s)
{
	return input_size(s->in) + (s->info ? feed_size(s->info->feed) : 0);
}

void
session_hold(struct session *s, struct bus *bus)
{
	size_t kept = session_input_size(s) + (s->in_transaction ? s->info->transaction->bytes : 0);
	uint64_t limit = session_kept_max(bus);
	bool is_much = kept > QUOTA_OVER_MIN;

	/* Who waits for others will go on by itself; who is open may never send the rest. */
	set_kept(s, bus, kept, is_much && s->state == SESSION_OPEN);
	if (!is_much || s->state != SESSION_OPEN || s->user->kept <= limit)
		return;
	if (s->user->unfinished <= limit) {
		session_set_state(s, bus, SESSION_WAITING, &bus->throttled);
		return;
	}
	session_log(s, bus, LOG_LEVEL_WARNING, "holds %zu bytes of unfinished commands, all clients of %s %llu; closed",
	            kept, session_user(s).text, (unsigned long long)s->user->unfinished);
	reply_error(bus, s, "ERR %s holds more than %llu bytes of unfinished commands (queue_limit_per_uid)",
	            session_user(s).text, (unsigned long long)limit);
	session_finish(s, bus);
}

void
session_check_limits(struct bus *bus)
{
	struct session *s;

	run_close(bus); /* answers to it have counted who is clogged */
	TAILQ_FOREACH(s, &bus->sessions, link) {
		charge(s, bus);
		session_check_clogged(s, bus);
	}
}

void
session_flushed(struct session *s, struct bus *bus, enum outq_status status, size_t written, struct barrier *barrier)
{
	switch (status) {
	case OUTQ_EMPTY:
		session_set_out_state(s, bus, SESSION_OUT_IDLE);
		if (s->state == SESSION_CLOSING)
			session_kill(s, bus);
		break;
	case OUTQ_FULL:
	case OUTQ_BUDGET:
		session_set_out_state(s, bus, SESSION_OUT_BLOCKED);
		outq_detach(&s->out, &bus->chunks);
		break;
	case OUTQ_GATED:
		session_set_out_state(s, bus, SESSION_OUT_GATED);
		outq_detach(&s->out, &bus->chunks);
		barrier_wait(barrier, &s->gate);
		break;
	case OUTQ_ERROR:
		session_set_out_state(s, bus, SESSION_OUT_IDLE);
		session_kill(s, bus);
		break;
	}
	if (written > 0) {
		s->progress_ms = (uint32_t)bus->now_ms;
		bus->stats.bytes_out += written;
	}
	if (s->out.count > 0 || s->charged > 0)
		charge(s, bus);
	if (s->clogged || bus->n_over > 0)
		session_check_clogged(s, bus);
	if (s->is_slow && s->clogged)
		session_disconnect_slow(s, bus);
	s->is_slow = s->is_slow && s->state == SESSION_DEAD;
}

void
session_disconnect_slow(struct session *s, struct bus *bus)
{
	s->is_slow = true;
	if (s->out_state < SESSION_OUT_BLOCKED || s->state == SESSION_DEAD)
		return;
	session_log(s, bus, LOG_LEVEL_WARNING, "is slow, disconnected with %zu bytes unsent", s->out.bytes);
	bus->stats.slow_receivers++;
	session_mark_dead(s, bus);
}

/* What cannot just lengthen what was queued before. */
static void __attribute__((noinline)) queue_apart(struct session *s, struct bus *bus, struct chunk *chunk,
                                                  size_t offset, size_t len, struct barrier *barrier, uint32_t messages)
{
	bool is_waiting = s->out_state >= SESSION_OUT_BLOCKED;
	int r;

	if (is_waiting && len <= OUTQ_COPY_MAX)
		r = outq_push_copy(&s->out, &bus->chunks, chunk->data + offset, len, barrier, messages);
	else
		r = outq_push(&s->out, chunk, offset, len, barrier, messages);
	if (r < 0) {
		session_out_of_memory(s, bus);
		return;
	}
	if (s->out_state == SESSION_OUT_IDLE)
		s->progress_ms = (uint32_t)bus->now_ms;
	if (s->out_state == SESSION_OUT_IDLE || (messages > 0 && s->out_state == SESSION_OUT_REPLIER))
		session_set_out_state(s, bus, messages > 0 ? SESSION_OUT_RECEIVER : SESSION_OUT_REPLIER);
	if (is_waiting)
		charge(s, bus);
	if (bus_may_be_clogged(bus, &s->out))
		session_check_clogged(s, bus);
}

void
session_queue(struct session *s, struct bus *bus, struct chunk *chunk, size_t offset, size_t len,
              struct barrier *barrier, uint32_t messages)
{
	bool is_extended;

	if (s->state == SESSION_DEAD)
		return;
	if (s->out_state < SESSION_OUT_BLOCKED)
		is_extended = outq_extend(&s->out, chunk, offset, len, barrier, messages);
	else
		is_extended = outq_extend_copy(&s->out, chunk->data + offset, len, barrier, messages);
	if (!is_extended)
		queue_apart(s, bus, chunk, offset, len, barrier, messages);
	else if (bus_may_be_clogged(bus, &s->out))
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

struct session_user
session_user(const struct session *s)
{
	struct session_user user = { "an anonymous client" };

	if (!s->identity.anonymous)
		snprintf(user.text, sizeof(user.text), "uid %u", s->identity.uid);
	return user;
}

bool
session_is_admin(const struct session *s, const struct bus *bus)
{
	if (s->identity.anonymous)
		return bus->admins && access_list_admits(bus->admins, &s->identity);
	return s->identity.uid == bus->own_uid ||
	       (bus->admins ? access_list_admits(bus->admins, &s->identity) : s->identity.uid == 0);
}

bool
session_may_see(const struct session *s, const struct session *other, const struct bus *bus)
{
	if (other->is_hidden)
		return false;
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
