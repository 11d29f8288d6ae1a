#include "access-list.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "num.h"
#include "userdb.h"

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

static int
access_list_add(struct access_list *list, const char *word)
{
	struct principal *principals = realloc(list->principals, (list->n + 1) * sizeof(*principals));
	int r;

	if (!principals)
		return -ENOMEM;
	list->principals = principals;
	r = principal_parse(word, &principals[list->n]);
	list->n += r == 0;
	return r;
}

int
access_list_parse(const char *text, struct access_list *ret_list, char *bad, size_t bad_size)
{
	struct access_list list = { .is_given = true };
	char word[64];
	size_t at = 0;
	int r = 0, added = 0;

	text += strspn(text, " \t");
	while ((r == 0 || r == -ENOENT) && *text) {
		size_t len = strcspn(text, ","), end = len;

		while (end > 0 && strchr(" \t", text[end - 1]))
			end--;
		snprintf(word, sizeof(word), "%.*s", (int)end, text);
		added = end < sizeof(word) ? access_list_add(&list, word) : -EINVAL;
		if (added == -ENOENT && at + strlen(word) + 3 <= bad_size)
			at += (size_t)snprintf(bad + at, bad_size - at, "%s%s", at > 0 ? ", " : "", word);
		if (added != -ENOENT && added < 0)
			snprintf(bad, bad_size, "%s", word);
		if (added == 0 && text[len] && !text[len + 1 + strspn(text + len + 1, " \t")]) {
			snprintf(bad, bad_size, "%s", text + len);
			added = -EINVAL; /* nothing follows the last comma */
		}
		r = added < 0 ? added : r;
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
