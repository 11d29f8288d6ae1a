#include "wait-receivers.h"

#include <errno.h>

#include "publish.h"
#include "sessions.h"

void
wait_receivers_set(struct bus *bus, struct session *s, uint16_t receivers)
{
	if (s->info && s->info->wait_receivers_until_ms > 0) {
		s->info->wait_receivers_until_ms = 0;
		sessions_of(bus)->n_wait_receivers_until--;
	}
	publish_set_wait_receivers(bus, &s->client, receivers);
}

int
wait_receivers_set_for(struct bus *bus, struct session *s, uint16_t receivers, uint64_t ms)
{
	struct session_info *info = session_get_info(s);

	if (!info)
		return -ENOMEM;
	if (info->wait_receivers_until_ms == 0) {
		info->wait_receivers_before = s->client.wait_receivers;
		sessions_of(bus)->n_wait_receivers_until++;
	}
	info->wait_receivers_until_ms = bus->flow.now_ms + ms;
	publish_set_wait_receivers(bus, &s->client, receivers);
	return 0;
}

void
wait_receivers_expire(struct bus *bus)
{
	struct client *c;

	if (sessions_of(bus)->n_wait_receivers_until == 0)
		return;
	bus->flow.work.done += bus->flow.stats.clients * WORK_VISIT;
	TAILQ_FOREACH(c, &bus->flow.clients, link) {
		struct session_info *info = session_of(c)->info;

		if (info && info->wait_receivers_until_ms > 0 && bus->flow.now_ms >= info->wait_receivers_until_ms)
			wait_receivers_set(bus, session_of(c), info->wait_receivers_before);
	}
}
