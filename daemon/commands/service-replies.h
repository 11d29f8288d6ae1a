/* What clients are told of services: requests to workers, answers to callers, errors. The services call these. */
#pragma once

#include "sessions.h"

extern const struct services_ops service_replies;

/* Replies why a request to the service was refused; r: as returned by calls_begin() or workers_*(). */
void service_reply_refusal(struct bus *bus, struct session *s, struct slice name, int r);

/* Returns whether the name may be that of a service; otherwise replies an error. */
bool service_require_name(struct bus *bus, struct session *s, struct slice name);

/* Parses milliseconds from `least` to CALLS_MS_MAX for an option. Otherwise replies an error and returns false. */
bool service_require_ms(struct bus *bus, struct session *s, const char *option, struct slice arg, uint64_t least,
                        uint64_t *ret_ms);

/* Shows a request or its answer, which the client has sent, to those who have sent UDSD MONITOR. */
static inline void
service_show(struct bus *bus, const struct client *c, const char *command, struct slice name, struct slice payload,
             bool is_received)
{
	if (bus->taps.n > 0)
		taps_show(&bus->taps, &(struct publication){ c, name, command, is_received }, payload);
}

/* Where errors of an ASK are published: the channel's name with this behind it. */
#define SERVICE_ERROR_SUFFIX ":error"
