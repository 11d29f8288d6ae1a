/*
 * The clients of a loop, by state: who goes on, who waits for what, whose output is to be written. Only this file
 * changes state and out_state of a client, each in one place, together with the lists and sums that follow from it.
 *
 * A client is freed at the end of a pass only: until then it is dead, stays dead, and is passed over. All that are
 * throttled try again whenever a client or user drains. Lists by receiver would wake fewer, but have to be kept for
 * every message; draining is rare.
 */
#include "flow.h"
#include "human.h"

#include <assert.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

/* So many log lines about clients are written in so many milliseconds. */
#define CLIENT_LOG_MS 10000
#define CLIENT_LOG_LINES 100

void
flow_init(struct flow *flow, const struct limits *limits)
{
	*flow = (struct flow){ .limits = *limits };
	barrier_pool_init(&flow->barriers);
	flow->unicast.pool = &flow->chunks;
	TAILQ_INIT(&flow->clients);
	TAILQ_INIT(&flow->ready_users);
	TAILQ_INIT(&flow->led_users);
	TAILQ_INIT(&flow->gathering);
	TAILQ_INIT(&flow->throttled);
	TAILQ_INIT(&flow->untried);
	TAILQ_INIT(&flow->excluded);
	TAILQ_INIT(&flow->wide_waiters);
	TAILQ_INIT(&flow->receivers);
	TAILQ_INIT(&flow->repliers);
	TAILQ_INIT(&flow->blocked);
	TAILQ_INIT(&flow->leaving);
	TAILQ_INIT(&flow->dead);
	work_end_pass(&flow->work);
	flow->work.share = 1;
	flow->work.wide = WORK_WIDE;
	flow->work.step = WORK_TURN;
	flow_update_time(flow);
	flow->start_ms = flow->now_ms;
	flow->uptime_s = 0;
}

void
flow_deinit(struct flow *flow)
{
	assert(flow->stats.clients == 0 && flow->n_clogged == 0 && flow->deferred.len == 0);
	users_deinit(&flow->users);
	buf_deinit(&flow->deferred);
	writer_deinit(&flow->unicast);
	barrier_pool_deinit(&flow->barriers);
	chunk_pool_deinit(&flow->chunks);
}

void
flow_update_time(struct flow *flow)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC_COARSE, &ts);
	flow->now_ms = (uint64_t)ts.tv_sec * 1000 + (uint64_t)ts.tv_nsec / 1000000;
	flow->uptime_s = (uint32_t)((flow->now_ms - flow->start_ms) / 1000);
}

int
flow_admit(struct flow *flow, struct client *c, const struct identity *given)
{
	struct identity identity = *given;
	struct user *user = users_enter(&flow->users, &identity);

	if (!user) {
		group_set_unref(identity.groups);
		return -ENOMEM;
	}
	*c = (struct client){
		.id = ++flow->last_id,
		.identity = identity,
		.user = user,
		.progress_ms = (uint32_t)flow->now_ms,
		.created_s = flow->uptime_s,
		.active_s = flow->uptime_s,
	};
	TAILQ_INSERT_TAIL(&flow->clients, c, link);
	outq_init(&c->out);
	LIST_INIT(&c->subscriptions);
	flow->stats.clients++;
	return 0;
}

void
flow_set_executing(struct flow *flow, struct client *c)
{
	flow->executing = c;
	flow->is_exclusive = c || flow->is_wide;
}

void
flow_begin_wide(struct flow *flow)
{
	flow->is_wide = flow->is_exclusive = true;
}

void
flow_end_wide(struct flow *flow)
{
	struct client *c;

	flow->is_wide = false;
	flow->is_exclusive = flow->executing != NULL;
	while (!flow->executing && (c = TAILQ_FIRST(&flow->excluded))) {
		flow->work.done += WORK_VISIT;
		flow_resume(flow, c);
	}
}

void
flow_begin_walk(struct flow *flow, struct client_walk *walk)
{
	walk->next = TAILQ_FIRST(&flow->clients);
	LIST_INSERT_HEAD(&flow->walks, walk, link);
}

struct client *
flow_walk(struct flow *flow, struct client_walk *walk)
{
	struct client *c = walk->next;

	flow->work.done += WORK_VISIT;
	if (c)
		walk->next = TAILQ_NEXT(c, link);
	return c;
}

void
flow_end_walk(struct client_walk *walk)
{
	LIST_REMOVE(walk, link);
}

void
flow_dismiss(struct flow *flow, struct client *c)
{
	struct client_walk *walk;

	LIST_FOREACH(walk, &flow->walks, link) {
		flow->work.done += WORK_VISIT;
		if (walk->next == c)
			walk->next = TAILQ_NEXT(c, link);
	}
	TAILQ_REMOVE(&flow->clients, c, link);
	flow_end_listing_turn(c);
	flow_resume_listing(flow, c->user);
	users_leave(&flow->users, c->user);
	group_set_unref(c->identity.groups);
	flow->stats.clients -= !c->is_hidden;
}

void
flow_hide(struct flow *flow, struct client *c)
{
	c->is_hidden = true;
	flow->stats.clients--;
}

static bool
flow_may_log(struct flow *flow)
{
	unsigned int omitted;
	bool is_allowed = log_limit_allows(&flow->client_log, CLIENT_LOG_LINES, CLIENT_LOG_MS, flow->now_ms, &omitted);

	if (omitted > 0)
		log_warning("%u line%s about clients left out", omitted, human_s(omitted));
	return is_allowed;
}

void
flow_log(struct flow *flow, const struct client *c, enum log_level level, const char *format, ...)
{
	char text[512], command[IDENTITY_COMMAND_MAX];
	va_list ap;

	if (!log_is_on(level) || !flow_may_log(flow))
		return;
	va_start(ap, format);
	vsnprintf(text, sizeof(text), format, ap);
	va_end(ap);
	identity_command(&c->identity, command);
	if (c->identity.anonymous)
		log_write(level, "client %llu (anonymous): %s", (unsigned long long)c->id, text);
	else
		log_write(level, "client %llu (pid %d '%s', uid %u): %s", (unsigned long long)c->id,
		          (int)c->identity.pid, command, c->identity.uid, text);
}

void
flow_set_state(struct flow *flow, struct client *c, enum client_state state, struct client_list *list)
{
	if (c->state == CLIENT_DEAD && (state != CLIENT_DEAD || (list && c->in_list)))
		return;
	if (c->in_list)
		TAILQ_REMOVE(c->in_list, c, in_link);
	if (c->state == CLIENT_READY && TAILQ_EMPTY(&c->user->ready))
		TAILQ_REMOVE(&flow->ready_users, c->user, ready_link);
	if (state == CLIENT_READY && TAILQ_EMPTY(&c->user->ready))
		TAILQ_INSERT_TAIL(&flow->ready_users, c->user, ready_link);
	if (list)
		TAILQ_INSERT_TAIL(list, c, in_link);
	flow->n_ready -= c->state == CLIENT_READY;
	flow->n_ready += state == CLIENT_READY;
	flow->n_waiting -= c->state == CLIENT_WAITING;
	flow->n_waiting += state == CLIENT_WAITING;
	c->in_list = list;
	c->state = (uint8_t)state;
}

void
flow_make_ready(struct flow *flow, struct client *c)
{
	flow_set_state(flow, c, CLIENT_READY, &c->user->ready);
}

bool
flow_begin_turn(struct flow *flow, struct client *c)
{
	struct user *user = c->user;
	int64_t shares = (int64_t)(flow->work.share - user->share);

	if (shares > 0) {
		user->share = flow->work.share;
		/* What they did too much is taken from later shares. */
		user->credit += shares > 1000 ? 1000 * (int64_t)WORK_USER : shares * (int64_t)WORK_USER;
		if (user->credit > (int64_t)WORK_USER)
			user->credit = (int64_t)WORK_USER;
	}
	flow->work.turn_end = flow->work.done + WORK_TURN;
	flow->work.done += WORK_LOOKUP;
	return user->credit > 0 && !(flow->is_wide && flow->wide != c && client_is_subscribed(c));
}

void
flow_end_turn(struct flow *flow, struct client *c, uint64_t begin)
{
	c->user->credit -= (int64_t)(flow->work.done - begin);
}

static struct client_list *
flow_out_list(struct flow *flow, enum client_out_state state)
{
	switch (state) {
	case CLIENT_OUT_RECEIVER:
		return &flow->receivers;
	case CLIENT_OUT_REPLIER:
		return &flow->repliers;
	case CLIENT_OUT_BLOCKED:
		return &flow->blocked;
	case CLIENT_OUT_IDLE:
	case CLIENT_OUT_GATED:
		return NULL;
	}
	return NULL;
}

void
flow_set_out_state(struct flow *flow, struct client *c, enum client_out_state state)
{
	struct client_list *from = flow_out_list(flow, c->out_state), *to = flow_out_list(flow, state);

	if (c->out_state == state)
		return;
	if (c->out_state == CLIENT_OUT_GATED)
		barrier_forget(&c->gate);
	if (from)
		TAILQ_REMOVE(from, c, out_link);
	if (to)
		TAILQ_INSERT_TAIL(to, c, out_link);
	if (state == CLIENT_OUT_GATED) /* where out_link was */
		c->gate = (struct barrier_waiter){ 0 };
	c->out_state = (uint8_t)state;
}

bool
flow_wait(struct flow *flow, struct client *c, struct client_list *list)
{
	flow_set_state(flow, c, CLIENT_WAITING, list);
	return c->state == CLIENT_WAITING;
}

void
flow_resume(struct flow *flow, struct client *c)
{
	if (c->state == CLIENT_WAITING)
		flow_make_ready(flow, c);
}

void
flow_resume_listing(struct flow *flow, struct user *user)
{
	struct client *c = TAILQ_FIRST(&user->listing_waiters);

	if (!c || user->n_listings > 0 || user->next_lister)
		return;
	user->next_lister = c; /* or another client could begin before it is its turn, again and again */
	flow_resume(flow, c);
}

void
flow_end_listing_turn(struct client *c)
{
	if (c->user->next_lister == c)
		c->user->next_lister = NULL;
}

void
flow_resume_throttled(struct flow *flow)
{
	struct client *waiting;

	while ((waiting = TAILQ_FIRST(&flow->throttled))) {
		flow->work.done += WORK_VISIT;
		flow_resume(flow, waiting);
	}
}

void
flow_mark_dead(struct flow *flow, struct client *c)
{
	if (c->state != CLIENT_DEAD)
		flow_set_state(flow, c, CLIENT_DEAD, &flow->dead);
}

void
flow_out_of_memory(struct flow *flow, struct client *c)
{
	flow_log(flow, c, LOG_LEVEL_ERROR, "out of memory, closed");
	flow_mark_dead(flow, c);
}

/* Whether the leader waits for something else, and there is room for a command of another one meanwhile. */
static bool
flow_must_give_lead_up(const struct flow *flow, const struct client *c)
{
	return c->user->leader == c && c->state == CLIENT_WAITING &&
	       c->user->input <= user_input_max(&flow->limits) + flow->limits.max_message;
}

static void
flow_end_lead(struct flow *flow, struct user *user)
{
	user->leader = NULL;
	TAILQ_REMOVE(&flow->led_users, user, leader_link);
	flow_resume_throttled(flow); /* another one may become it */
}

bool
flow_charge_input(struct flow *flow, struct client *c, size_t old, size_t new)
{
	struct user *user = c->user;
	uint64_t limit = user_input_max(&flow->limits);
	bool was_over = user->input > limit, is_much = new > USER_OVER_MIN &&client_is_live(c);

	user->input += new - old;
	flow->users.input += new - old;
	if (user->leader &&
	    (user->input <= limit || (user->leader == c && !is_much) || flow_must_give_lead_up(flow, c)))
		flow_end_lead(flow, user);
	if (user->input <= limit) {
		if (was_over)
			flow_resume_throttled(flow);
		return false;
	}
	if (!is_much || c->state != CLIENT_OPEN)
		return false;
	if (user->leader && user->leader != c)
		return true;
	if (!user->leader)
		TAILQ_INSERT_TAIL(&flow->led_users, user, leader_link);
	user->leader = c;
	user->leader_active_s = flow->uptime_s;
	return false;
}
