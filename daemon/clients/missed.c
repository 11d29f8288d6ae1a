#include "missed.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "flow.h"
#include "resp-encode.h"

/* Channels that are counted apart; what else is missed counts for the name "*". */
#define CHANNELS_MAX 32

#define MISSED(node) ((struct missed *)((char *)(node)-offsetof(struct missed, node)))

struct count {
	char *name; /* of name_len bytes; NULL: "*" */
	size_t name_len;
	uint64_t messages;
};

/* What one client missed. */
struct missed {
	struct hashtable_node node;
	TAILQ_ENTRY(missed) link;
	struct client *client;
	size_t n;
	struct count counts[CHANNELS_MAX];
};

void
missed_init(struct missed_table *table, struct flow *flow)
{
	*table = (struct missed_table){ .flow = flow };
	TAILQ_INIT(&table->all);
}

static uint64_t
hash_of(const struct client *c)
{
	return c->id * UINT64_C(0x9e3779b97f4a7c15) >> 16;
}

static struct missed *
find(const struct missed_table *table, const struct client *c)
{
	struct hashtable_node *node = hashtable_first(&table->by_client, hash_of(c));

	while (node && MISSED(node)->client != c)
		node = hashtable_next(node);
	return node ? MISSED(node) : NULL;
}

static struct missed *
get(struct missed_table *table, struct client *c)
{
	struct missed *missed = find(table, c);

	if (missed)
		return missed;
	missed = calloc(1, sizeof(*missed));
	if (!missed || hashtable_insert(&table->by_client, &missed->node, hash_of(c)) < 0) {
		free(missed);
		return NULL;
	}
	missed->client = c;
	TAILQ_INSERT_TAIL(&table->all, missed, link);
	return missed;
}

void
missed_forget(struct missed_table *table, struct client *c)
{
	struct missed *missed = c->has_missed ? find(table, c) : NULL;

	if (!missed)
		return;
	c->has_missed = c->drained = false;
	TAILQ_REMOVE(&table->all, missed, link);
	hashtable_remove(&table->by_client, &missed->node);
	for (size_t i = 0; i < missed->n; i++)
		free(missed->counts[i].name);
	free(missed);
	if (table->by_client.n == 0)
		hashtable_deinit(&table->by_client);
}

/* Where messages of the channel count. */
static struct count *
find_count(struct missed *missed, struct slice name)
{
	struct count *count;

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
missed_add(struct missed_table *table, struct client *c, struct slice channel, uint32_t messages)
{
	struct missed *missed = get(table, c);

	if (!missed) {
		flow_out_of_memory(table->flow, c); /* it would never know */
		return;
	}
	if (!c->has_missed)
		flow_log(table->flow, c, LOG_LEVEL_INFO, "is clogged, messages to it are dropped");
	c->has_missed = true;
	c->drained = false;
	find_count(missed, channel)->messages += messages;
}

/* Queues one message that tells of a count. It stands among the replies: a run may be using the other streams. */
static void
tell(struct flow *flow, struct client *c, const struct count *count)
{
	char payload[PROTOCOL_NAME_MAX + 32];
	size_t len = (size_t)snprintf(payload, sizeof(payload), "%" PRIu64 " ", count->messages);
	char *p;

	if (count->name)
		memcpy(payload + len, count->name, count->name_len);
	else
		payload[len] = '*';
	len += count->name ? count->name_len : 1;
	if (stream_reserve(&flow->unicast, len + sizeof(PROTOCOL_MISSED) + 5 * RESP_HEADER_MAX) < 0) {
		flow_out_of_memory(flow, c);
		return;
	}
	p = (char *)stream_end(&flow->unicast);
	p += resp_put_header(p, client_is_resp3(c) ? '>' : '*', 3);
	p += resp_put_bulk(p, "message", 7);
	p += resp_put_bulk(p, PROTOCOL_MISSED, sizeof(PROTOCOL_MISSED) - 1);
	p += resp_put_bulk(p, payload, len);
	len = (size_t)(p - (char *)stream_end(&flow->unicast));
	flow->unicast.chunk->len += (uint32_t)len;
	flow_queue(flow, c, flow->unicast.chunk, flow->unicast.chunk->len - len, len, NULL, 1);
}

void
missed_tell(struct missed_table *table, struct client *c)
{
	struct missed *missed = find(table, c);
	uint64_t total = 0;

	for (size_t i = 0; i < missed->n; i++) {
		total += missed->counts[i].messages;
		if (c->is_tap || c->wants_missed)
			tell(table->flow, c, &missed->counts[i]);
	}
	flow_log(table->flow, c, LOG_LEVEL_INFO, "missed %" PRIu64 " messages while it was clogged", total);
	missed_forget(table, c);
}

void
missed_tell_drained(struct missed_table *table)
{
	struct missed *missed, *next;

	table->flow->has_drained = false;
	for (missed = TAILQ_FIRST(&table->all); missed; missed = next) {
		next = TAILQ_NEXT(missed, link);
		if (missed->client->drained && !missed->client->clogged)
			missed_tell(table, missed->client);
	}
}
