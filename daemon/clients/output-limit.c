/*
 * Memory for output is bounded, and yet no message is lost silently: whoever makes output for a client that does not
 * read has to wait. A client is clogged when more than queue_limit is unsent for it; or, while its user is over
 * queue_limit_per_uid, more than USER_OVER_MIN. It is clogged until it is below half the limit, or every write would
 * wake its publishers and the next message stop them again. While a client is clogged
 * - nothing is read from it, so that it gets no further replies;
 * - publishers to what it receives wait; or the message to it is dropped; or it is disconnected: the policy of the
 *   channel says which (bus/slow-policy.c).
 * The limit decides who may go on, never whether something is queued: whatever is encoded already is queued for all its
 * receivers. So a queue exceeds its limit by about what one pass can add.
 *
 * A queue that got long within one pass is no sign that its client is slow, as nothing is written before the end of the
 * pass. That is why disconnecting, and dropping messages, wait until the socket was tried once (has_untried, is_slow).
 *
 * Replies that wait for a commit of the store do not count, since messages overtake them: publishers never wait for the
 * disk. For these there is a limit of its own, over which the client is held up: nothing is read from it until the
 * commit is done. Behind a reply that is not known yet (outq-slot.h), which may take long, that is queue_limit.
 *
 * Only this file changes `clogged` and `held_up` of a client and what its user is charged with for output.
 */
#include "output-limit.h"
#include "human.h"
#include "outq-slot.h"

/*
 * What a client may have of replies that wait for a commit, in bytes, until it is held up. While one commit is written,
 * the next one grows, and the larger it is, the less an entry costs: so a few clients may go far ahead of the disk. A
 * client may have its share of HELD_ALL, but neither more than HELD_MAX, nor so much of queue_limit that it were
 * clogged when something comes behind these replies that no message may overtake (output_pin()); and HELD_MIN in any
 * case.
 */
#define HELD_MAX ((size_t)1024 * 1024)
#define HELD_ALL ((size_t)16 * 1024 * 1024)
#define HELD_MIN ((size_t)64 * 1024)
#define HELD_OF_QUEUE_LIMIT 8 /* this part of it */

void
output_limit_check(struct flow *flow, struct client *c)
{
	size_t limit = flow->limits.queue_limit, cost = outq_cost(&c->out) - outq_held_cost(&c->out);
	bool clogged = cost > (c->clogged ? limit / 2 : limit) || (c->user->is_over && cost > USER_OVER_MIN);

	if (clogged == c->clogged)
		return;
	c->clogged = clogged;
	flow->clog_generation++;
	log_debug("client %llu: %s, %zu byte%s unsent", (unsigned long long)c->id, clogged ? "clogged" : "drained",
	          cost, human_s(cost));
	if (clogged) {
		flow->n_clogged++;
		flow->has_untried = flow->has_untried || c->out_state < CLIENT_OUT_BLOCKED;
		return;
	}
	flow->n_clogged--;
	c->drained = flow->has_drained = true;
	/* The ready list makes the owner of the socket listen to it again. */
	if (c->state == CLIENT_OPEN)
		flow_make_ready(flow, c);
	flow_resume_throttled(flow);
}

/* Whether so much that is held is too much for the client. */
static bool
output_limit_is_far_ahead(const struct flow *flow, const struct client *c, size_t cost)
{
	return cost > HELD_MIN && (c->user->is_over || cost > HELD_MAX || cost > HELD_ALL / (flow->stats.clients + 1) ||
	                           cost > flow->limits.queue_limit / HELD_OF_QUEUE_LIMIT);
}

void
output_limit_check_held(struct flow *flow, struct client *c)
{
	size_t cost = outq_held_cost(&c->out);
	bool held_up =
	    outq_is_held_by_slot(&c->out) ? cost > flow->limits.queue_limit : output_limit_is_far_ahead(flow, c, cost);

	if (held_up == c->held_up)
		return;
	c->held_up = held_up;
	/* As when it drains. */
	if (!held_up && (c->state == CLIENT_OPEN || (c->state == CLIENT_WAITING && c->in_list == &flow->throttled)))
		flow_make_ready(flow, c);
}

void
output_limit_charge(struct flow *flow, struct user *user, size_t *charged, size_t cost)
{
	struct client *c;

	if (!users_charge(&flow->users, user, charged, cost, &flow->limits, flow->now_ms))
		return;
	/* The user has gone over the quota or is within it again: another limit holds for all of their clients. */
	flow->work.done += flow->stats.clients * WORK_VISIT;
	TAILQ_FOREACH(c, &flow->clients, link) {
		if (c->user != user)
			continue;
		if (c->clogged || c->out.count > 0)
			output_limit_check(flow, c);
		if (!c->clogged && !user->is_over)
			c->drained = flow->has_drained = true;
	}
	flow_resume_throttled(flow);
}

void
output_limit_charge_queue(struct flow *flow, struct client *c)
{
	size_t cost = c->out_state >= CLIENT_OUT_BLOCKED ? outq_memory(&c->out) : outq_ring_bytes(&c->out);

	output_limit_charge(flow, c->user, &c->charged, c->out.count > 0 ? cost : 0);
}

void
output_limit_check_all(struct flow *flow)
{
	struct client *c;

	flow->work.done += flow->stats.clients * WORK_VISIT;
	TAILQ_FOREACH(c, &flow->clients, link) {
		output_limit_charge_queue(flow, c);
		output_limit_check(flow, c);
	}
	flow_resume_throttled(flow); /* they may be within the new limits */
}
