#include "receivers.h"

#include <errno.h>
#include <stdlib.h>

static int
receivers_compare(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return (x > y) - (x < y);
}

int
receivers_find(struct bus *bus, struct slice name, struct receivers **ret_receivers)
{
	struct channel *channel;
	struct receivers *receivers;
	size_t n = 0;
	int r = channels_lookup(&bus->subscriptions.channels, name, false, false, &channel);

	if (r != 0)
		return r;
	receivers = malloc(sizeof(*receivers) + (channel ? channel->n_total : 0) * sizeof(receivers->ids[0]));
	if (!receivers)
		return -ENOMEM;
	for (uint32_t way = 0; channel && way <= channel->n_matches; way++) {
		const struct recvset *set = channel_way(channel, way);

		bus->flow.work.done += (1 + set->n) * (uint64_t)WORK_VISIT;
		for (uint32_t i = 0; i < set->n; i++)
			if (channel_admits(channel, recvset_array(set)[i]))
				receivers->ids[n++] = recvset_array(set)[i]->id;
	}
	bus->flow.work.done += n * WORK_LOOKUP;
	qsort(receivers->ids, n, sizeof(receivers->ids[0]), receivers_compare);
	receivers->n = n;
	*ret_receivers = receivers;
	return 0;
}

bool
receivers_include(const struct receivers *receivers, uint64_t id)
{
	return bsearch(&id, receivers->ids, receivers->n, sizeof(id), receivers_compare) != NULL;
}
