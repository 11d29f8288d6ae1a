#include "access.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "glob.h"
#include "num.h"
#include "userdb.h"

static const struct access_rule rule_everybody = { .slow = SLOW_WAIT, .glob = "" };
static const struct access_rule rule_reserved = {
	.publish.is_given = true,
	.slow = SLOW_WAIT,
	.glob = PROTOCOL_RESERVED "*",
};

static int
principal_parse_id(const char *text, uint32_t *ret_id)
{
	uint64_t id;

	if (num_parse_u64(text, &id) != 0 || id >= UINT32_MAX)
		return -EINVAL;
	*ret_id = (uint32_t)id;
	return 0;
}

static int
principal_parse(const char *text, struct principal *ret_principal)
{
	struct principal principal = { .kind = PRINCIPAL_USER };
	int r = 0;

	if (strcmp(text, "*") == 0) {
		principal.kind = PRINCIPAL_LOCAL;
	} else if (strcmp(text, "anonymous") == 0) {
		principal.kind = PRINCIPAL_ANONYMOUS;
	} else if (strncmp(text, "uid:", 4) == 0) {
		r = principal_parse_id(text + 4, &principal.id);
	} else if (strncmp(text, "gid:", 4) == 0) {
		principal.kind = PRINCIPAL_GROUP;
		r = principal_parse_id(text + 4, &principal.id);
	} else if (text[0] == '@') {
		principal.kind = PRINCIPAL_GROUP;
		r = userdb_group(text + 1, &principal.id);
	} else {
		r = userdb_user(text, &principal.id);
	}
	if (r == 0)
		*ret_principal = principal;
	return r;
}

/* Adds the principal in text, which is copied to bad first. */
static int
access_list_add(struct access_list *list, const char *text, size_t len, char *bad, size_t bad_size)
{
	struct principal *principals = realloc(list->principals, (list->n + 1) * sizeof(*principals));
	int r;

	if (!principals)
		return -ENOMEM;
	list->principals = principals;
	snprintf(bad, bad_size, "%.*s", (int)len, text);
	r = len < bad_size ? principal_parse(bad, &principals[list->n]) : -EINVAL;
	list->n += r == 0;
	return r;
}

int
access_list_parse(const char *text, struct access_list *ret_list, char *bad, size_t bad_size)
{
	struct access_list list = { .is_given = true };
	int r = 0;

	text += strspn(text, " \t");
	while (r == 0 && *text) {
		size_t len = strcspn(text, ","), end = len;

		while (end > 0 && strchr(" \t", text[end - 1]))
			end--;
		r = access_list_add(&list, text, end, bad, bad_size);
		if (r == 0 && text[len] && !text[len + 1 + strspn(text + len + 1, " \t")]) {
			snprintf(bad, bad_size, "%s", text + len);
			r = -EINVAL; /* nothing follows the last comma */
		}
		text += len + (text[len] == ',');
		text += strspn(text, " \t");
	}
	if (r < 0)
		access_list_deinit(&list);
	else
		*ret_list = list;
	return r;
}

void
access_list_deinit(struct access_list *list)
{
	free(list->principals);
	*list = (struct access_list){ 0 };
}

void
principal_format(const struct principal *principal, char *text, size_t size)
{
	if (principal->kind == PRINCIPAL_USER || principal->kind == PRINCIPAL_GROUP)
		snprintf(text, size, "%cid:%u", principal->kind == PRINCIPAL_USER ? 'u' : 'g', principal->id);
	else
		snprintf(text, size, "%s", principal->kind == PRINCIPAL_LOCAL ? "*" : "anonymous");
}

static bool
identity_has_group(const struct identity *identity, gid_t gid)
{
	if (identity->gid == gid)
		return true;
	for (uint32_t i = 0; identity->groups && i < identity->groups->n; i++)
		if (identity->groups->ids[i] == gid)
			return true;
	return false;
}

static bool
principal_matches(const struct principal *principal, const struct identity *identity)
{
	switch (principal->kind) {
	case PRINCIPAL_LOCAL:
		return !identity->anonymous;
	case PRINCIPAL_ANONYMOUS:
		return identity->anonymous;
	case PRINCIPAL_USER:
		return !identity->anonymous && identity->uid == principal->id;
	case PRINCIPAL_GROUP:
		return !identity->anonymous && identity_has_group(identity, principal->id);
	}
	return false;
}

bool
access_list_admits(const struct access_list *list, const struct identity *identity)
{
	for (size_t i = 0; i < list->n; i++)
		if (principal_matches(&list->principals[i], identity))
			return true;
	return !list->is_given;
}

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
