#include "patience.h"

#include <errno.h>

#include "publish.h"
#include "sessions.h"

void
patience_set(struct bus *bus, struct session *s, uint16_t receivers)
{
	if (s->info && s->info->patient_until_ms > 0) {
		s->info->patient_until_ms = 0;
		sessions_of(bus)->n_patient--;
	}
	publish_set_wait_receivers(bus, &s->client, receivers);
}

int
patience_set_for(struct bus *bus, struct session *s, uint16_t receivers, uint64_t ms)
{
	struct session_info *info = session_get_info(s);

	if (!info)
		return -ENOMEM;
	if (info->patient_until_ms == 0) {
		info->patient_before = s->client.wait_receivers;
		sessions_of(bus)->n_patient++;
	}
	info->patient_until_ms = bus->flow.now_ms + ms;
	publish_set_wait_receivers(bus, &s->client, receivers);
	return 0;
}

void
patience_check(struct bus *bus)
{
	struct client *c;

	if (sessions_of(bus)->n_patient == 0)
		return;
	bus->flow.work.done += bus->flow.stats.clients * WORK_VISIT;
	TAILQ_FOREACH(c, &bus->flow.clients, link) {
		struct session_info *info = session_of(c)->info;

		if (info && info->patient_until_ms > 0 && bus->flow.now_ms >= info->patient_until_ms)
			patience_set(bus, session_of(c), info->patient_before);
	}
}
