/*
 * Who may publish to and subscribe to which channels: the rules of the configuration, and the decision, which
 * depends on nothing but the identity that the kernel gave and the rule.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/queue.h>
#include <sys/types.h>

#include "identity.h"
#include "protocol.h"

enum principal_kind { PRINCIPAL_LOCAL, PRINCIPAL_ANONYMOUS, PRINCIPAL_USER, PRINCIPAL_GROUP };

struct principal {
	enum principal_kind kind;
	uint32_t id; /* uid or gid */
};

/* A list that was not given admits everybody; an empty one nobody. */
struct access_list {
	bool is_given;
	size_t n;
	struct principal *principals;
};

/* What becomes of messages to a receiver whose unsent output is over its limit. */
enum slow_policy { SLOW_WAIT, SLOW_DROP, SLOW_DISCONNECT };

/* One [channel GLOB] of the configuration. */
struct access_rule {
	STAILQ_ENTRY(access_rule) link;
	struct access_list publish, subscribe;
	int slow; /* enum slow_policy */
	size_t glob_len;
	char glob[];
};

STAILQ_HEAD(access_rules, access_rule);

/*
 * Reads principals with commas between them: a user's name, "@group", "uid:N", "gid:N", "*" for all local users,
 * "anonymous". Returns 0; or -ENOENT or -EINVAL with the principal that is unknown or not one in bad; or -ENOMEM.
 */
int access_list_parse(const char *text, struct access_list *ret_list, char *bad, size_t bad_size);
void access_list_deinit(struct access_list *list);

/* Writes one principal as access_list_parse() reads it. */
void principal_format(const struct principal *principal, char *text, size_t size);

bool access_list_admits(const struct access_list *list, const struct identity *identity);

/* A rule without lists, which admits everybody; NULL when there is no memory. */
struct access_rule *access_rule_new(const char *glob);

/* Takes NULL. */
void access_rule_free(struct access_rule *rule);

/*
 * The rule of a channel: the first whose glob matches, or one that admits everybody. Nobody publishes to channels
 * that begin with PROTOCOL_RESERVED; those are udsd's own. rules: or NULL.
 */
const struct access_rule *access_find(const struct access_rules *rules, struct slice channel);

/* What holds now. */
struct access {
	const struct access_rules *rules; /* NULL: none */
	const struct access_list *admins; /* beside own_uid; NULL: root */
	uid_t own_uid;
};

/* Whether somebody may do what is reserved to administrators: the admins, and the user that the daemon runs as. */
bool access_is_admin(const struct access *access, const struct identity *identity);
