/*
 * A user is charged for the input that their clients have sent and the daemon has not handled, so that one user cannot
 * fill the memory with it. Over the limit, all clients of the user wait but one, the leader. So large commands that
 * many programs send at once are all handled, one after the other, and memory exceeds the limit by one command at most;
 * by two if the leader has to wait for receivers, since another one takes its place then.
 * A leader that does not send the rest of its command would keep the others waiting for ever; so it is closed when it
 * has sent nothing for slow_timeout.
 */
#include "input-quota.h"

#include "human.h"
#include "blocked.h"
#include "job.h"
#include "reply.h"
#include "session.h"
#include "transaction.h"

void
input_quota_charge(struct bus *bus, struct session *s, size_t input)
{
	size_t kept = input + (s->in_transaction ? s->info->transaction->memory_of_commands.bytes : 0) +
	              (s->has_job ? s->info->job->bytes : 0);
	bool must_wait;

	if (input > 0 && s->info && s->info->blocked)
		kept += s->info->blocked->memory;
	must_wait = flow_charge_input(&bus->flow, &s->client, s->kept, kept);

	s->kept = (uint32_t)kept;
	if (must_wait)
		flow_wait(&bus->flow, &s->client, &bus->flow.throttled);
}

void
input_quota_close_stalled(struct bus *bus)
{
	struct flow *flow = &bus->flow;
	struct user *user, *next;

	for (user = TAILQ_FIRST(&flow->led_users); user; user = next) {
		struct client *c = user->leader;
		struct session *s = session_of(c);

		next = TAILQ_NEXT(user, leader_link);
		if (c->state != CLIENT_OPEN || user->input <= user_input_max(&flow->limits) ||
		    (uint64_t)(flow->uptime_s - user->leader_active_s) * 1000 < flow->limits.slow_timeout + 1000 ||
		    flow->limits.slow_timeout == 0)
			continue;
		flow_log(flow, c, LOG_LEVEL_WARNING,
		         "has not sent the rest of a command of %u byte%s, and others of its user wait; closed",
		         s->kept, human_s(s->kept));
		reply_error(
		    bus, s,
		    PROTOCOL_TRY_AGAIN
		    " the rest of a command is missing, and all clients of %s hold %llu bytes of commands, over "
		    "queue_limit_per_uid",
		    identity_text(&c->identity).text, (unsigned long long)user->input);
		bus_finish(bus, c);
	}
}
