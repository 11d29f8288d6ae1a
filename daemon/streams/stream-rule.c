#include "stream-rule.h"

#include <stdlib.h>
#include <string.h>

#include "glob.h"

static const struct stream_rule rule_default = { .max_pending = STREAM_MAX_PENDING };

struct stream_rule *
stream_rule_new(const char *glob)
{
	size_t len = strlen(glob);
	struct stream_rule *rule = malloc(sizeof(*rule) + len + 1);

	if (!rule)
		return NULL;
	*rule = (struct stream_rule){ .max_pending = STREAM_MAX_PENDING, .glob_len = len };
	memcpy(rule->glob, glob, len + 1);
	return rule;
}

/* A pattern never matches an empty name, but one for all streams means that stream, too. */
static bool
rule_matches(const struct stream_rule *rule, struct slice name, uint64_t *cost)
{
	if (name.len == 0)
		return strspn(rule->glob, "*") == rule->glob_len;
	return glob_match_at_cost((const uint8_t *)rule->glob, rule->glob_len, name.p, name.len, cost);
}

const struct stream_rule *
stream_rule_find(const struct stream_rules *rules, struct slice name, uint64_t *cost)
{
	const struct stream_rule *rule;

	if (rules)
		STAILQ_FOREACH(rule, rules, link)
			if (rule_matches(rule, name, cost))
				return rule;
	return &rule_default;
}

bool
stream_rules_publish(const struct stream_rules *rules)
{
	const struct stream_rule *rule;

	if (rules)
		STAILQ_FOREACH(rule, rules, link)
			if (rule->published)
				return true;
	return false;
}

const struct stream_rule *
stream_rule_look_up(struct streams *streams, struct stream *stream)
{
	struct slice name = { stream->name, stream->name_len };

	stream->rule = stream_rule_find(streams->rules, name, &streams->flow->work.done);
	stream->rules_generation = streams->rules_generation;
	return stream->rule;
}
