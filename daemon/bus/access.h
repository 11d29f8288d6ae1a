/*
 * Who may publish and subscribe to which channels: the rules of the configuration, and the decision. It depends only on
 * the rule and on the identity from the kernel.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/queue.h>
#include <sys/types.h>

#include "access-list.h"
#include "identity.h"
#include "protocol.h"

/* What happens when a receiver of the channel is clogged: publishers wait, it misses messages, or is disconnected. */
enum slow_policy { SLOW_WAIT, SLOW_DROP, SLOW_DISCONNECT };

/* One section [channel GLOB] of the configuration. */
struct access_rule {
	STAILQ_ENTRY(access_rule) link;
	struct access_list publish, subscribe;
	int slow; /* enum slow_policy; slow-policy.c decides by it */
	size_t glob_len;
	char glob[];
};

STAILQ_HEAD(access_rules, access_rule);

/* A rule without lists: it admits everybody. NULL when there is no memory. */
struct access_rule *access_rule_new(const char *glob);

/* Takes NULL. */
void access_rule_free(struct access_rule *rule);

/*
 * The rule for a channel: the first whose glob matches, or a rule that admits everybody. Channels that begin with
 * PROTOCOL_RESERVED are udsd's own: nobody may publish to them. rules: may be NULL.
 */
const struct access_rule *access_find(const struct access_rules *rules, struct slice channel);

/* What holds at present. */
struct access {
	const struct access_rules *rules; /* NULL: none */
	size_t n_rules;
	const struct access_list *admins; /* NULL: root only; own_uid always is one */
	uid_t own_uid;
};

/* Whether the identity is an administrator: one of the admins, or the user that the daemon runs as. */
bool access_is_admin(const struct access *access, const struct identity *identity);
