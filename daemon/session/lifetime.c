#include "lifetime.h"

#include <stdlib.h>

#include "monitor.h"
#include "reply.h"
#include "session.h"
#include "transaction.h"

int
session_init(struct session *s, struct bus *bus, const struct identity *identity)
{
	*s = (struct session){ 0 };
	return flow_admit(&bus->flow, &s->client, identity);
}

static void
keep(struct session *s, struct bus *bus, size_t kept, bool is_unfinished)
{
	flow_charge_input(&bus->flow, &s->client, (struct flow_input){ s->kept, s->is_unfinished },
	                  (struct flow_input){ kept, is_unfinished });
	s->kept = (uint32_t)kept;
	s->is_unfinished = is_unfinished;
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
	monitor_leave(bus, s);
	free_info(s->info);
	s->info = NULL;
	keep(s, bus, 0, false);
	bus_dismiss(bus, &s->client);
}

void
session_hold(struct session *s, struct bus *bus, size_t input)
{
	size_t kept = input + (s->in_transaction ? s->info->transaction->bytes : 0);
	uint64_t limit = user_input_max(&bus->flow.limits);
	struct client *c = &s->client;
	bool is_much = kept > USER_OVER_MIN;

	/* Who waits for others will go on by itself; who is open may never send the rest. */
	keep(s, bus, kept, is_much && c->state == CLIENT_OPEN);
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
