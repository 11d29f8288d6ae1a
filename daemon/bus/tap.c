#include "tap.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "glob.h"
#include "missed.h"
#include "output.h"
#include "resp-encode.h"

/* How much of a payload a notice shows, in bytes. */
#define TAP_SHOWN_BYTES ((size_t)16 * 1024)

struct tap {
	TAILQ_ENTRY(tap) link;
	struct client *client;
	bool has_pattern;
	size_t len;
	uint8_t pattern[];
};

static const struct slice published_name = { (const uint8_t *)PROTOCOL_PUBLISHED, sizeof(PROTOCOL_PUBLISHED) - 1 };

void
taps_init(struct taps *taps, struct flow *flow, struct missed_table *missed)
{
	*taps = (struct taps){ .flow = flow, .missed = missed };
	TAILQ_INIT(&taps->list);
}

int
taps_join(struct taps *taps, struct client *c, const struct slice *pattern)
{
	size_t len = pattern ? pattern->len : 0;
	struct tap *tap = malloc(sizeof(*tap) + len);

	if (!tap)
		return -ENOMEM;
	taps_leave(taps, c);
	*tap = (struct tap){ .client = c, .has_pattern = pattern != NULL, .len = len };
	if (pattern)
		memcpy(tap->pattern, pattern->p, len);
	TAILQ_INSERT_TAIL(&taps->list, tap, link);
	taps->n++;
	c->is_tap = true;
	return 0;
}

void
taps_leave(struct taps *taps, struct client *c)
{
	struct tap *tap;

	if (!c->is_tap)
		return;
	taps->flow->work.done += taps->n * WORK_VISIT;
	TAILQ_FOREACH(tap, &taps->list, link)
		if (tap->client == c)
			break;
	TAILQ_REMOVE(&taps->list, tap, link);
	taps->n--;
	free(tap);
	c->is_tap = false;
}

/* A notice as a piece of a chunk. */
struct frame {
	struct chunk *chunk; /* with a reference; NULL: not encoded yet */
	size_t offset, len;
};

struct notice {
	struct slice channel, payload; /* payload: what is shown of it */
	char head[256];
	size_t head_len;
	struct frame frames[2]; /* in RESP2 and RESP3, each encoded when the first tap needs it */
};

/* "time=1700000000.123456 id=7 uid=1000 pid=4711 cmd=publish receivers=3 channel=4 payload=11\n" */
static void
notice_begin(struct notice *notice, const struct publication *publication, struct slice payload)
{
	const struct identity *identity = &publication->publisher->identity;
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	*notice = (struct notice){ .channel = publication->name, .payload = payload };
	if (payload.len > TAP_SHOWN_BYTES)
		notice->payload.len = TAP_SHOWN_BYTES;
	notice->head_len = (size_t)snprintf(
	    notice->head, sizeof(notice->head),
	    "time=%lld.%06ld id=%" PRIu64 " uid=%lld pid=%d cmd=%s receivers=%" PRIu64 " channel=%zu payload=%zu\n",
	    (long long)now.tv_sec, now.tv_nsec / 1000, publication->publisher->id,
	    identity->anonymous ? -1LL : (long long)identity->uid, (int)identity->pid, publication->command,
	    publication->receivers, publication->name.len, payload.len);
}

/* Returns 0 or -ENOMEM. */
static int
notice_encode(struct flow *flow, struct notice *notice, bool resp3)
{
	const struct slice *channel = &notice->channel;
	size_t len = notice->head_len + channel->len + 1 + notice->payload.len;
	uint8_t *p;

	if (notice->frames[resp3].chunk)
		return 0;
	flow->work.done += WORK_QUEUE + WORK_BYTES(len);
	if (writer_reserve(&flow->unicast, len + published_name.len + 7 + 5 * RESP_HEADER_MAX) < 0)
		return -ENOMEM;
	p = writer_end(&flow->unicast);
	p += resp_put_header((char *)p, resp3 ? '>' : '*', 3);
	p += resp_put_bulk((char *)p, "message", 7);
	p += resp_put_bulk((char *)p, published_name.p, published_name.len);
	p += resp_put_header((char *)p, '$', len);
	p = mempcpy(p, notice->head, notice->head_len);
	p = mempcpy(p, channel->p, channel->len);
	*p++ = '\n';
	if (notice->payload.len > 0)
		p = mempcpy(p, notice->payload.p, notice->payload.len);
	p = mempcpy(p, "\r\n", 2);
	len = (size_t)(p - writer_end(&flow->unicast));
	notice->frames[resp3] = (struct frame){ chunk_ref(flow->unicast.chunk), flow->unicast.chunk->len, len };
	flow->unicast.chunk->len += (uint32_t)len;
	return 0;
}

static void
taps_notify(struct taps *taps, struct client *c, struct notice *notice)
{
	bool resp3 = client_is_resp3(c);
	const struct frame *frame;

	if (c->clogged) {
		missed_add(taps->missed, c, published_name, 1);
		return;
	}
	if (c->has_missed && c != taps->flow->executing)
		missed_report(taps->missed, c);
	if (notice_encode(taps->flow, notice, resp3) < 0) {
		flow_out_of_memory(taps->flow, c);
		return;
	}
	frame = &notice->frames[resp3];
	output_deliver_part(taps->flow, c, frame->chunk, frame->offset, frame->len);
}

void
taps_show(struct taps *taps, const struct publication *publication, struct slice payload)
{
	const struct slice *name = &publication->name;
	struct notice notice;
	struct tap *tap;

	notice_begin(&notice, publication, payload);
	taps->flow->work.done += WORK_LINE + taps->n * WORK_VISIT;
	TAILQ_FOREACH(tap, &taps->list, link)
		if (!tap->has_pattern ||
		    glob_match_at_cost(tap->pattern, tap->len, name->p, name->len, &taps->flow->work.done))
			taps_notify(taps, tap->client, &notice);
	chunk_unref(notice.frames[0].chunk);
	chunk_unref(notice.frames[1].chunk);
}
