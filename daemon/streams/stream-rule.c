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
rule_matches(const struct stream_rule *rule, const struct stream *stream, uint64_t *cost)
{
	if (stream->name_len == 0)
		return strspn(rule->glob, "*") == rule->glob_len;
	return glob_match_at_cost((const uint8_t *)rule->glob, rule->glob_len, stream->name, stream->name_len, cost);
}

const struct stream_rule *
stream_rule_look_up(struct streams *streams, struct stream *stream)
{
	const struct stream_rule *rule;

	stream->rule = &rule_default;
	stream->rules_generation = streams->rules_generation;
	if (streams->rules)
		STAILQ_FOREACH(rule, streams->rules, link)
			if (rule_matches(rule, stream, &streams->flow->work.done)) {
				stream->rule = rule;
				break;
			}
	return stream->rule;
}
