#include "withhold.h"

#include "missed.h"
#include "replay.h"
#include "slow-policy.h"
#include "user.h"

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
		if (replay) {
			replay->is_slow = true;
		} else if (pattern && c->user->subscriptions >= flow->limits.max_subscriptions_per_uid) {
			flow_log(flow, c, LOG_LEVEL_WARNING,
			         "is slow, and its user has as many subscriptions as they may, disconnected");
			flow_mark_dead(flow, c);
		} else {
			flow_out_of_memory(flow, c);
		}
		return true;
	}
	missed_add(withheld->missed, c, channel_name(channel), withheld->messages);
	flow->stats.dropped += withheld->messages;
	channel->dropped += withheld->messages;
	return true;
}
