/*
 * Who may publish and subscribe to which channels: the rules of the configuration, and the decision. It depends only on
 * the rule and on the identity from the kernel. Also what the configuration says about slow receivers, and which
 * channels are stored.
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
#include "stream-rule.h"

/*
 * What happens when a receiver of the channel is clogged: publishers wait, it misses messages, is disconnected, or gets
 * from the store later what was published meanwhile.
 */
enum slow_policy { SLOW_WAIT, SLOW_DROP, SLOW_DISCONNECT, SLOW_STORE };

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
	const struct stream_rules *stored; /* which messages are stored; NULL: none */
	const struct access_list *admins;  /* NULL: root only; own_uid always is one */
	uid_t own_uid;
};

/* Whether what is published to the channel is stored. Counts *cost up by the units of work. */
bool access_is_stored(const struct access *access, struct slice channel, uint64_t *cost);

/* Whether the identity is an administrator: one of the admins, or the user that the daemon runs as. */
bool access_is_admin(const struct access *access, const struct identity *identity);
