/*
 * A user is charged for the input that their clients have sent and the daemon has not handled, so that one user cannot
 * fill the memory with it. Some of it is certain to go on: commands that wait for a receiver. The rest is unfinished:
 * the end of the command may never come. A user over the limit is only made to wait as long as unfinished input alone
 * is within it; otherwise all their clients could wait for each other, so the client that goes over it is closed.
 */
#include "lifetime.h"

#include <stdlib.h>

#include "monitor.h"
#include "reply.h"
#include "session.h"
#include "transaction.h"

int
session_init(struct bus *bus, struct session *s, const struct identity *identity)
{
	*s = (struct session){ 0 };
	return flow_admit(&bus->flow, &s->client, identity);
}

static void
session_charge(struct bus *bus, struct session *s, size_t kept, bool is_unfinished)
{
	flow_charge_input(&bus->flow, &s->client, (struct flow_input){ s->kept, s->is_unfinished },
	                  (struct flow_input){ kept, is_unfinished });
	s->kept = (uint32_t)kept;
	s->is_unfinished = is_unfinished;
}

void
session_deinit(struct bus *bus, struct session *s)
{
	struct session_info *info = s->info;

	monitor_leave(bus, s);
	if (bus->flow.executing == &s->client)
		flow_log(&bus->flow, &s->client, LOG_LEVEL_WARNING, "closed in the middle of its EXEC");
	if (info) {
		free(info->name);
		free(info->lib_name);
		free(info->lib_version);
		job_end(bus, s);
		transaction_end(bus, s);
		free(info);
	}
	s->info = NULL;
	session_charge(bus, s, 0, false);
	bus_dismiss(bus, &s->client);
}

void
session_charge_input(struct bus *bus, struct session *s, size_t input)
{
	size_t kept = input + (s->in_transaction ? s->info->transaction->bytes : 0);
	uint64_t limit = user_input_max(&bus->flow.limits);
	struct client *c = &s->client;
	bool is_much = kept > USER_OVER_MIN;

	session_charge(bus, s, kept, is_much && c->state == CLIENT_OPEN);
	if (!is_much || c->state != CLIENT_OPEN || c->user->input <= limit)
		return;
	if (c->user->unfinished <= limit) {
		flow_set_state(&bus->flow, c, CLIENT_WAITING, &bus->flow.throttled);
		return;
	}
	flow_log(&bus->flow, c, LOG_LEVEL_WARNING,
	         "holds %zu bytes of unfinished commands, all clients of %s %llu; closed", kept,
	         identity_text(&c->identity).text, (unsigned long long)c->user->unfinished);
	reply_error(bus, s, "ERR %s holds more than %llu bytes of unfinished commands (queue_limit_per_uid)",
	            identity_text(&c->identity).text, (unsigned long long)limit);
	bus_finish(bus, c);
}
