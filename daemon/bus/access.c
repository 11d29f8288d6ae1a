#include "access.h"

#include <stdlib.h>
#include <string.h>

#include "glob.h"

static const struct access_rule rule_everybody = { .slow = SLOW_WAIT, .glob = "" };
static const struct access_rule rule_reserved = {
	.publish.is_given = true,
	.slow = SLOW_WAIT,
	.glob = PROTOCOL_RESERVED "*",
};

struct access_rule *
access_rule_new(const char *glob)
{
	size_t len = strlen(glob);
	struct access_rule *rule = malloc(sizeof(*rule) + len + 1);

	if (!rule)
		return NULL;
	*rule = (struct access_rule){ .glob_len = len };
	memcpy(rule->glob, glob, len + 1);
	return rule;
}

void
access_rule_free(struct access_rule *rule)
{
	if (!rule)
		return;
	access_list_deinit(&rule->publish);
	access_list_deinit(&rule->subscribe);
	free(rule);
}

const struct access_rule *
access_find(const struct access_rules *rules, struct slice channel)
{
	const struct access_rule *rule;

	if (protocol_is_reserved(channel))
		return &rule_reserved;
	if (!rules)
		return &rule_everybody;
	STAILQ_FOREACH(rule, rules, link) {
		/* A pattern never matches an empty name, but a rule for all channels applies to that one as well. */
		if (channel.len == 0 ? strspn(rule->glob, "*") == rule->glob_len
		                     : glob_match((const uint8_t *)rule->glob, rule->glob_len, channel.p, channel.len))
			return rule;
	}
	return &rule_everybody;
}

bool
access_is_stored(const struct access *access, struct slice channel, uint64_t *cost)
{
	return access->stored && !protocol_is_reserved(channel) &&
	       stream_rule_find(access->stored, channel, cost)->published;
}

bool
access_is_admin(const struct access *access, const struct identity *identity)
{
	if (identity->anonymous)
		return access->admins && access_list_admits(access->admins, identity);
	return identity->uid == access->own_uid ||
	       (access->admins ? access_list_admits(access->admins, identity) : identity->uid == 0);
}
