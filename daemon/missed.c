#include "missed.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bus.h"
#include "log.h"
#include "resp-encode.h"
#include "router.h"
#include "session.h"

/* Channels that are counted apart; what else is missed counts for the name "*". */
#define CHANNELS_MAX 32

struct count {
	char *name; /* of name_len bytes; NULL: "*" */
	size_t name_len;
	uint64_t messages;
};

struct missed {
	size_t n;
	struct count counts[CHANNELS_MAX];
};

static void
clear(struct missed *missed)
{
	for (size_t i = 0; i < missed->n; i++)
		free(missed->counts[i].name);
	missed->n = 0;
}

void
missed_free(struct missed *missed)
{
	if (missed)
		clear(missed);
	free(missed);
}

/* Where messages of the channel count, or NULL when there is no memory for anything. */
static struct count *
find_count(struct session *s, struct slice name)
{
	struct session_info *info = session_get_info(s);
	struct missed *missed;
	struct count *count;

	if (!info || (!info->missed && !(info->missed = calloc(1, sizeof(*info->missed)))))
		return NULL;
	missed = info->missed;
	for (size_t i = 0; i < missed->n; i++) {
		count = &missed->counts[i];
		if (!count->name || (count->name_len == name.len && memcmp(count->name, name.p, name.len) == 0))
			return count;
	}
	count = &missed->counts[missed->n++];
	*count = (struct count){ .name_len = name.len };
	if (missed->n == CHANNELS_MAX || !(count->name = malloc(name.len + 1)))
		return count;
	memcpy(count->name, name.p, name.len);
	return count;
}

void
missed_add(struct bus *bus, struct session *s, struct slice channel, uint32_t messages)
{
	struct count *count = find_count(s, channel);

	if (!count) {
		session_out_of_memory(s, bus); /* it would never know */
		return;
	}
	if (!s->has_missed)
		session_log(s, bus, LOG_LEVEL_INFO, "is clogged, messages to it are dropped");
	s->has_missed = true;
	count->messages += messages;
}

/* Queues one message that tells of a count. It stands among the replies: a run may be using the other streams. */
static void
tell(struct bus *bus, struct session *s, const struct count *count)
{
	char payload[PROTOCOL_NAME_MAX + 32];
	size_t len = (size_t)snprintf(payload, sizeof(payload), "%" PRIu64 " ", count->messages);
	char *p;

	if (count->name)
		memcpy(payload + len, count->name, count->name_len);
	else
		payload[len] = '*';
	len += count->name ? count->name_len : 1;
	if (stream_reserve(&bus->replies, len + sizeof(PROTOCOL_MISSED) + 5 * RESP_HEADER_MAX) < 0) {
		session_out_of_memory(s, bus);
		return;
	}
	p = (char *)stream_end(&bus->replies);
	p += resp_put_header(p, session_is_resp3(s) ? '>' : '*', 3);
	p += resp_put_bulk(p, "message", 7);
	p += resp_put_bulk(p, PROTOCOL_MISSED, sizeof(PROTOCOL_MISSED) - 1);
	p += resp_put_bulk(p, payload, len);
	len = (size_t)(p - (char *)stream_end(&bus->replies));
	bus->replies.chunk->len += (uint32_t)len;
	session_queue(s, bus, bus->replies.chunk, bus->replies.chunk->len - len, len, NULL, 1);
}

void
missed_tell(struct bus *bus, struct session *s)
{
	static const struct slice name = { (const uint8_t *)PROTOCOL_MISSED, sizeof(PROTOCOL_MISSED) - 1 };
	struct missed *missed;
	uint64_t total = 0;

	if (!s->has_missed)
		return;
	s->has_missed = false; /* first, since queueing leads here again */
	missed = s->info->missed;
	for (size_t i = 0; i < missed->n; i++) {
		total += missed->counts[i].messages;
		if (session_is_tap(s) || router_is_subscribed(&bus->router, s, name))
			tell(bus, s, &missed->counts[i]);
	}
	session_log(s, bus, LOG_LEVEL_INFO, "missed %" PRIu64 " messages while it was clogged", total);
	clear(missed);
}
