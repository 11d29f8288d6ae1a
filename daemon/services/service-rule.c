#include "service-rule.h"

#include <stdlib.h>
#include <string.h>

#include "glob.h"

static const struct service_rule rule_default = {
	.max_waiting = SERVICE_MAX_WAITING,
	.timeout_ms = SERVICE_TIMEOUT_MS,
};

struct service_rule *
service_rule_new(const char *glob)
{
	size_t len = strlen(glob);
	struct service_rule *rule = malloc(sizeof(*rule) + len + 1);

	if (!rule)
		return NULL;
	*rule = rule_default;
	rule->glob_len = len;
	memcpy(rule->glob, glob, len + 1);
	return rule;
}

void
service_rule_free(struct service_rule *rule)
{
	if (!rule)
		return;
	access_list_deinit(&rule->call);
	access_list_deinit(&rule->serve);
	free(rule);
}

const struct service_rule *
service_rule_find(const struct service_rules *rules, struct slice name, uint64_t *work)
{
	const struct service_rule *rule;

	if (rules)
		STAILQ_FOREACH(rule, rules, link)
			if (glob_match_at_cost((const uint8_t *)rule->glob, rule->glob_len, name.p, name.len, work))
				return rule;
	return &rule_default;
}
