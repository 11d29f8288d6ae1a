#include "group-values.h"

#include <string.h>

#include "varint.h"

const struct stream_delivery *
group_values_merge(struct streams *streams, struct stream *stream, struct group_values *values)
{
	const struct stream_rule *rule = stream_rule(streams, stream);
	struct stream_delivery *merged = &values->merged;

	if (values->rule == rule && values->generation == streams->rules_generation)
		return merged;
	streams->flow->work.done += WORK_LOOKUP;
	values->rule = rule;
	values->generation = streams->rules_generation;
	*merged = rule->delivery;
	merged->is_own = (values->set & ~(uint64_t)GROUP_PAUSED) != 0;
	if (values->set & GROUP_REDELIVER)
		merged->redeliver_ms = values->own.redeliver_ms;
	if (values->set & GROUP_RETRY_DELAY)
		merged->retry_delay = values->own.retry_delay;
	if (values->set & GROUP_MAX_DELIVERIES)
		merged->max_deliveries = values->own.max_deliveries;
	if (values->set & GROUP_CONSUMER_TIMEOUT)
		merged->consumer_timeout_ms = values->own.consumer_timeout_ms;
	if (values->set & GROUP_DEAD_LETTER)
		memcpy(merged->dead_letter, values->own.dead_letter, sizeof(merged->dead_letter));
	return merged;
}

uint8_t *
group_values_put(uint8_t *p, const struct group_values *values)
{
	const struct stream_delivery *own = &values->own;
	size_t len = strlen(own->dead_letter);

	p = varint_put(p, values->set);
	p = varint_put(p, own->redeliver_ms);
	p = varint_put(p, own->max_deliveries);
	p = varint_put(p, own->consumer_timeout_ms);
	p = varint_put(p, values->is_paused);
	p = varint_put(p, own->retry_delay.n);
	for (size_t i = 0; i < own->retry_delay.n; i++)
		p = varint_put(p, own->retry_delay.ms[i]);
	p = varint_put(p, len);
	return slice_put(p, (struct slice){ (const uint8_t *)own->dead_letter, len });
}

bool
group_values_get(const uint8_t **p, const uint8_t *end, struct group_values *ret_values)
{
	struct group_values values = { 0 };
	struct stream_delivery *own = &values.own;
	uint64_t is_paused, n, len;

	if (!varint_get(p, end, &values.set) || values.set > GROUP_VALUES_ALL ||
	    !varint_get(p, end, &own->redeliver_ms) || !varint_get(p, end, &own->max_deliveries) ||
	    !varint_get(p, end, &own->consumer_timeout_ms) || !varint_get(p, end, &is_paused) || is_paused > 1 ||
	    !varint_get(p, end, &n) || n > STREAM_DELAYS_MAX)
		return false;
	values.is_paused = is_paused;
	own->retry_delay.n = n;
	for (size_t i = 0; i < n; i++)
		if (!varint_get(p, end, &own->retry_delay.ms[i]) || own->retry_delay.ms[i] > STREAM_DELAY_MAX_MS)
			return false;
	if (own->redeliver_ms > STREAM_DELAY_MAX_MS || own->consumer_timeout_ms > STREAM_DELAY_MAX_MS ||
	    !varint_get(p, end, &len) || len > PROTOCOL_NAME_MAX || len > (size_t)(end - *p))
		return false;
	slice_put((uint8_t *)own->dead_letter, (struct slice){ *p, len });
	*p += len;
	if (strlen(own->dead_letter) != len)
		return false;
	*ret_values = values;
	return true;
}
