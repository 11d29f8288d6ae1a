#include "lifetime.h"

#include <stdlib.h>

#include "blocked.h"
#include "handouts.h"
#include "job.h"
#include "monitor.h"
#include "reply.h"
#include "session.h"
#include "transaction.h"
#include "wait-receivers.h"

int
session_init(struct bus *bus, struct session *s, const struct identity *identity)
{
	*s = (struct session){ 0 };
	return flow_admit(&bus->flow, &s->client, identity);
}

void
session_deinit(struct bus *bus, struct session *s)
{
	struct session_info *info = s->info;

	monitor_leave(bus, s);
	if (bus->flow.executing == &s->client)
		flow_log(&bus->flow, &s->client, LOG_LEVEL_WARNING, "closed in the middle of its EXEC");
	wait_receivers_set(bus, s, 0);
	sessions_use_streams(bus);
	if (info) {
		free(info->name);
		free(info->lib_name);
		free(info->lib_version);
		blocked_free(sessions_of(bus)->streams, info->blocked);
		holder_end(sessions_of(bus)->streams, info->holder);
		job_end(bus, s);
		transaction_end(bus, s);
		free(info);
	}
	s->info = NULL;
	flow_charge_input(&bus->flow, &s->client, s->kept, 0);
	bus->flow.chunks.released += s->kept;
	s->kept = 0;
	bus_dismiss(bus, &s->client);
}
