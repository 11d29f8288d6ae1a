/*
 * A report stands where the missed messages would have stood: before anything else that is delivered to the client. Two
 * events make it due, whichever comes first: the next message to the client, or the end of the pass in which
 * the client has drained. While the client's own EXEC runs, the report has to wait until all replies of EXEC are out.
 *
 * Few clients miss anything, so the counts are in a table of their own, and the client only has a bit (has_missed). A
 * client without memory for its counts is closed: it would never learn that messages are missing.
 */
#include "missed.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "human.h"
#include "output-limit.h"
#include "output.h"
#include "resp-encode.h"

/* Counts of one client. The last one is for all channels that have none of their own, as "*". */
#define COUNTS_MAX 32

#define MISSED(node) ((struct missed *)((char *)(node)-offsetof(struct missed, node)))

struct missed_count {
	char *name; /* name_len bytes; NULL: all other channels */
	size_t name_len;
	uint64_t messages;
};

/* What one client missed. */
struct missed {
	struct hashtable_node node;
	TAILQ_ENTRY(missed) link;
	struct client *client;
	size_t charged; /* memory that the user is charged with */
	size_t n;
	struct missed_count *counts;
};

/* The part of queue_limit_per_uid that names of channels may take: one in so many. Beyond it, counts have no name. */
#define NAMES_PART 8

void
missed_init(struct missed_table *table, struct flow *flow)
{
	*table = (struct missed_table){ .flow = flow };
	TAILQ_INIT(&table->all);
}

static uint64_t
missed_hash(const struct client *c)
{
	return c->id * UINT64_C(0x9e3779b97f4a7c15) >> 16;
}

static struct missed *
missed_find(const struct missed_table *table, const struct client *c)
{
	struct hashtable_node *node = hashtable_first(&table->by_client, missed_hash(c));

	while (node && MISSED(node)->client != c)
		node = hashtable_next(node);
	return node ? MISSED(node) : NULL;
}

void
missed_forget(struct missed_table *table, struct client *c)
{
	struct missed *missed = c->has_missed ? missed_find(table, c) : NULL;

	if (!missed)
		return;
	c->has_missed = c->drained = false;
	TAILQ_REMOVE(&table->all, missed, link);
	hashtable_remove(&table->by_client, &missed->node);
	for (size_t i = 0; i < missed->n; i++)
		free(missed->counts[i].name);
	c->user->missed -= missed->charged;
	table->flow->users.missed -= missed->charged;
	output_limit_charge(table->flow, c->user, &missed->charged, 0);
	free(missed->counts);
	free(missed);
	if (table->by_client.n == 0)
		hashtable_deinit(&table->by_client);
}

/*
 * The count for messages of the channel, or NULL without memory. The last count is for all channels that have none of
 * their own: because there are too many, or the user's clients have missed messages of so many channels already.
 */
static struct missed_count *
missed_find_count(struct missed_table *table, struct missed *missed, struct slice name)
{
	struct flow *flow = table->flow;
	struct missed_count *count, *counts;
	size_t need = sizeof(*count) + name.len + 1;

	for (size_t i = 0; i < missed->n; i++) {
		count = &missed->counts[i];
		if (!count->name || (count->name_len == name.len && memcmp(count->name, name.p, name.len) == 0))
			return count;
	}
	counts = realloc(missed->counts, (missed->n + 1) * sizeof(*counts));
	if (!counts)
		return NULL;
	missed->counts = counts;
	count = &missed->counts[missed->n++];
	*count = (struct missed_count){ .name_len = name.len };
	if (missed->n < COUNTS_MAX &&
	    missed->client->user->missed + need <= flow->limits.queue_limit_per_uid / NAMES_PART)
		count->name = malloc(name.len + 1);
	if (count->name)
		memcpy(count->name, name.p, name.len);
	else
		need = sizeof(*count);
	missed->client->user->missed += need;
	flow->users.missed += need;
	output_limit_charge(flow, missed->client->user, &missed->charged, missed->charged + need);
	return count;
}

static struct missed *
missed_get(struct missed_table *table, struct client *c)
{
	struct missed *missed = c->has_missed ? missed_find(table, c) : NULL;

	if (missed)
		return missed;
	missed = calloc(1, sizeof(*missed));
	if (!missed)
		return NULL;
	if (hashtable_insert(&table->by_client, &missed->node, missed_hash(c)) < 0) {
		free(missed);
		return NULL;
	}
	missed->client = c;
	TAILQ_INSERT_TAIL(&table->all, missed, link);
	flow_log(table->flow, c, LOG_LEVEL_INFO, "is clogged, messages to it are dropped");
	c->has_missed = true;
	c->user->missed += sizeof(*missed);
	table->flow->users.missed += sizeof(*missed);
	output_limit_charge(table->flow, c->user, &missed->charged, sizeof(*missed));
	return missed;
}

void
missed_add(struct missed_table *table, struct client *c, struct slice channel, uint32_t messages)
{
	struct missed *missed = missed_get(table, c);
	struct missed_count *count = missed ? missed_find_count(table, missed, channel) : NULL;

	table->flow->work.done += WORK_QUEUE;
	if (!count) {
		flow_out_of_memory(table->flow, c);
		return;
	}
	c->drained = false;
	count->messages += messages;
}

/* Queues the message that reports one count. Uses the writer of replies: a batch may be open in the other ones. */
static void
missed_queue(struct flow *flow, struct client *c, const struct missed_count *count)
{
	char payload[PROTOCOL_NAME_MAX + 32];
	size_t len = (size_t)snprintf(payload, sizeof(payload), "%" PRIu64 " ", count->messages);
	char *p;

	if (count->name)
		memcpy(payload + len, count->name, count->name_len);
	else
		payload[len] = '*';
	len += count->name ? count->name_len : 1;
	if (writer_reserve(&flow->unicast, len + sizeof(PROTOCOL_MISSED) + 5 * RESP_HEADER_MAX) < 0) {
		flow_out_of_memory(flow, c);
		return;
	}
	p = (char *)writer_end(&flow->unicast);
	p += resp_put_header(p, client_is_resp3(c) ? '>' : '*', 3);
	p += resp_put_bulk(p, "message", 7);
	p += resp_put_bulk(p, PROTOCOL_MISSED, sizeof(PROTOCOL_MISSED) - 1);
	p += resp_put_bulk(p, payload, len);
	len = (size_t)(p - (char *)writer_end(&flow->unicast));
	flow->unicast.chunk->len += (uint32_t)len;
	output_queue(flow, c, flow->unicast.chunk, flow->unicast.chunk->len - len, len, NULL, 1);
}

void
missed_report(struct missed_table *table, struct client *c)
{
	struct missed *missed = missed_find(table, c);
	uint64_t total = 0;

	for (size_t i = 0; i < missed->n; i++) {
		total += missed->counts[i].messages;
		if (c->is_tap || c->wants_missed)
			missed_queue(table->flow, c, &missed->counts[i]);
	}
	flow_log(table->flow, c, LOG_LEVEL_INFO, "missed %" PRIu64 " message%s while it was clogged", total,
	         human_s(total));
	missed_forget(table, c);
}

void
missed_report_drained(struct missed_table *table)
{
	struct missed *missed, *next;

	table->flow->has_drained = false;
	table->flow->work.done += table->by_client.n * 3 * WORK_VISIT;
	for (missed = TAILQ_FIRST(&table->all); missed; missed = next) {
		next = TAILQ_NEXT(missed, link);
		if (missed->client->drained && !missed->client->clogged && missed->client != table->flow->executing)
			missed_report(table, missed->client);
	}
}
