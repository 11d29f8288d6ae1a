#include "tap.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "bus.h"
#include "glob.h"
#include "log.h"
#include "missed.h"
#include "publish.h"
#include "resp-encode.h"
#include "run.h"
#include "session.h"

/* More of a payload, in bytes, is only counted. */
#define SHOWN_BYTES ((size_t)16 * 1024)

struct tap {
	bool has_pattern;
	size_t len;
	uint8_t pattern[];
};

static const struct slice published = { (const uint8_t *)PROTOCOL_PUBLISHED, sizeof(PROTOCOL_PUBLISHED) - 1 };

void
tap_free(struct tap *tap)
{
	free(tap);
}

int
tap_join(struct bus *bus, struct session *s, const struct slice *pattern)
{
	size_t len = pattern ? pattern->len : 0;
	struct session_info *info = session_get_info(s);
	struct tap *tap = info ? malloc(sizeof(*tap) + len) : NULL;

	if (!tap || (!session_is_tap(s) && recvset_add(&bus->taps, s) < 0)) {
		free(tap);
		return -ENOMEM;
	}
	*tap = (struct tap){ .has_pattern = pattern != NULL, .len = len };
	if (pattern)
		memcpy(tap->pattern, pattern->p, len);
	tap_free(info->tap);
	info->tap = tap;
	return 0;
}

void
tap_leave(struct bus *bus, struct session *s)
{
	uint32_t i = 0;

	if (!session_is_tap(s))
		return;
	while (recvset_array(&bus->taps)[i] != s)
		i++;
	recvset_remove(&bus->taps, i);
	tap_free(s->info->tap);
	s->info->tap = NULL;
}

void
tap_check_rights(struct bus *bus)
{
	for (uint32_t i = 0; i < bus->taps.n; i++) {
		struct session *s = recvset_array(&bus->taps)[i];

		if (session_is_admin(s, bus))
			continue;
		session_log(s, bus, LOG_LEVEL_INFO, "may not monitor any more, disconnected");
		session_kill(s, bus);
	}
}

/* A notice as one piece of a chunk. */
struct frame {
	struct chunk *chunk; /* has a reference: not every tap's queue takes one; NULL: not encoded yet */
	size_t offset, len;
};

/* A notice, once in each version of the protocol that a tap speaks. */
struct notice {
	struct slice channel, payload; /* as much as is shown of it */
	char head[256];
	size_t head_len;
	struct frame frames[2];
};

/* "time=1700000000.123456 id=7 uid=1000 pid=4711 cmd=publish receivers=3 channel=4 payload=11\n" */
static void
begin(struct notice *notice, const struct publication *publication, struct slice payload)
{
	const struct identity *identity = &publication->publisher->identity;
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	*notice = (struct notice){ .channel = publication->name, .payload = payload };
	if (payload.len > SHOWN_BYTES)
		notice->payload.len = SHOWN_BYTES;
	notice->head_len = (size_t)snprintf(
	    notice->head, sizeof(notice->head),
	    "time=%lld.%06ld id=%" PRIu64 " uid=%lld pid=%d cmd=%s receivers=%" PRIu64 " channel=%zu payload=%zu\n",
	    (long long)now.tv_sec, now.tv_nsec / 1000, publication->publisher->id,
	    identity->anonymous ? -1LL : (long long)identity->uid, (int)identity->pid,
	    publication->is_shard ? "spublish" : "publish", publication->receivers, publication->name.len, payload.len);
}

/* Returns 0 or -ENOMEM. */
static int
encode(struct bus *bus, struct notice *notice, bool resp3)
{
	const struct slice *channel = &notice->channel;
	size_t len = notice->head_len + channel->len + 1 + notice->payload.len;
	uint8_t *p;

	if (notice->frames[resp3].chunk)
		return 0;
	if (stream_reserve(&bus->replies, len + published.len + 7 + 5 * RESP_HEADER_MAX) < 0)
		return -ENOMEM;
	p = stream_end(&bus->replies);
	p += resp_put_header((char *)p, resp3 ? '>' : '*', 3);
	p += resp_put_bulk((char *)p, "message", 7);
	p += resp_put_bulk((char *)p, published.p, published.len);
	p += resp_put_header((char *)p, '$', len);
	p = mempcpy(p, notice->head, notice->head_len);
	p = mempcpy(p, channel->p, channel->len);
	*p++ = '\n';
	if (notice->payload.len > 0)
		p = mempcpy(p, notice->payload.p, notice->payload.len);
	p = mempcpy(p, "\r\n", 2);
	len = (size_t)(p - stream_end(&bus->replies));
	notice->frames[resp3] = (struct frame){ chunk_ref(bus->replies.chunk), bus->replies.chunk->len, len };
	bus->replies.chunk->len += (uint32_t)len;
	return 0;
}

static void
tell(struct bus *bus, struct session *s, struct notice *notice)
{
	bool resp3 = s->encoding == ENCODING_RESP3;
	const struct frame *frame;

	if (s->clogged) {
		missed_add(bus, s, published, 1);
		return;
	}
	if (s->has_missed)
		missed_tell(bus, s);
	if (encode(bus, notice, resp3) < 0) {
		session_out_of_memory(s, bus);
		return;
	}
	frame = &notice->frames[resp3];
	if (s == bus->executing) /* not in the middle of its reply */
		run_defer(bus, frame->chunk->data + frame->offset, frame->len);
	else
		session_queue(s, bus, frame->chunk, frame->offset, frame->len, NULL, 0);
}

void
tap_show(struct bus *bus, const struct publication *publication, struct slice payload)
{
	const struct slice *name = &publication->name;
	struct notice notice;

	begin(&notice, publication, payload);
	for (uint32_t i = 0; i < bus->taps.n; i++) {
		struct session *s = recvset_array(&bus->taps)[i];
		const struct tap *tap = s->info->tap;

		if (!tap->has_pattern || glob_match(tap->pattern, tap->len, name->p, name->len))
			tell(bus, s, &notice);
	}
	chunk_unref(notice.frames[0].chunk);
	chunk_unref(notice.frames[1].chunk);
}
