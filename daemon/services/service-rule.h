/*
 * What the configuration says about services: the sections [service GLOB], of which the first one that matches the name
 * of a service decides. Each service remembers its rule, and looks for it again when the rules have changed since.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>
#include <sys/queue.h>

#include "access-list.h"
#include "protocol.h"

#define SERVICE_MAX_WAITING 1000
#define SERVICE_TIMEOUT_MS (30 * 1000)

struct service_rule {
	STAILQ_ENTRY(service_rule) link;
	struct access_list call, serve; /* who may */
	uint64_t max_waiting;           /* requests that wait for a worker, at most */
	uint64_t timeout_ms;            /* the longest time that a request may take */
	size_t glob_len;
	char glob[];
};

STAILQ_HEAD(service_rules, service_rule);

/* A rule that admits everybody, whose values the caller sets. NULL without memory. */
struct service_rule *service_rule_new(const char *glob);

/* Takes NULL. */
void service_rule_free(struct service_rule *rule);

/* The rule for a service of this name. rules: may be NULL. Adds to *work what the search costs. */
const struct service_rule *service_rule_find(const struct service_rules *rules, struct slice name, uint64_t *work);
