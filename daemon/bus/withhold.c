#include "withhold.h"

#include "missed.h"
#include "replay.h"
#include "slow-policy.h"

bool
withhold_messages(const struct withheld *withheld, struct client *c)
{
	struct channel *channel = withheld->channel;
	const struct pattern *pattern = withheld->way > 0 ? channel->matches[withheld->way - 1].pattern : NULL;
	struct flow *flow = withheld->replays->flow;
	struct replay *replay;

	if (replay_find(c, channel, pattern))
		return true;
	if (!slow_policy_withholds(channel->slow, c, withheld->is_large))
		return false;
	if (channel->slow == SLOW_STORE) {
		replay = replay_begin(withheld->replays, c, channel, pattern, withheld->stored_before);
		if (replay)
			replay->is_slow = true;
		else
			flow_out_of_memory(flow, c);
		return true;
	}
	missed_add(withheld->missed, c, channel_name(channel), withheld->messages);
	flow->stats.dropped += withheld->messages;
	channel->dropped += withheld->messages;
	return true;
}
