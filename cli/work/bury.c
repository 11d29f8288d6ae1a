/*
 * Only administrators may delete entries. But workers may acknowledge an entry and have it deleted if no other group
 * needs it: XACKDEL ACKED. So a dead job is made pending in a group of its own, which lives as long as the transaction.
 */
#include "bury.h"

#include <stdio.h>
#include <stdlib.h>

#include "memory.h"
#include "num.h"

/* That group, and its consumer. */
#define BURY_NAME "udsctl"

/* Words of a command beside ids, at most. */
#define BURY_WORDS 8

/* Runs what is queued. *ret_reply: the reply to command number `at`, an array of n numbers. Returns as ask(). */
static int
bury_execute(struct ask *a, size_t at, size_t n, const struct resp_node **ret_reply)
{
	const struct resp_node *nodes;
	size_t node = 1;
	int status = query_ask(a, &nodes, "EXEC", NULL);

	if (status != 0)
		return status;
	if (resp_node_is_error(nodes))
		return ask_refuse(nodes);
	for (size_t i = 0; i < at && node < nodes->end; i++)
		node = nodes[node].end;
	if (node < nodes->end && resp_node_is_error(&nodes[node]))
		return ask_refuse(&nodes[node]);
	if (node >= nodes->end || nodes[node].elements != n)
		return ASK_FOREIGN;
	*ret_reply = &nodes[node];
	return 0;
}

/* Queues a command, whose words end with NULL, in the transaction. */
#define BURY(a, ...) ask(a, NULL, __VA_ARGS__, NULL)

/* The same, with the ids of dead jobs behind the first words, and more words behind them. */
static int
bury_queue(struct ask *a, const char *const *first, const struct bury *jobs, size_t n, const char *const *last)
{
	struct slice *words = memory_alloc((n + BURY_WORDS) * sizeof(*words));
	size_t n_words = 0;
	int status;

	while (*first)
		words[n_words++] = slice_of(*first++);
	for (size_t i = 0; i < n; i++)
		words[n_words++] = slice_of(jobs[i].dead);
	while (*last)
		words[n_words++] = slice_of(*last++);
	status = ask_words(a, NULL, words, n_words);
	free(words);
	return status;
}

int
bury_dead(const struct queue *q, struct bury *jobs, size_t n)
{
	char number[NUM_DIGITS_MAX + 1];
	const char *const claim[] = { "XCLAIM", q->dead, BURY_NAME, BURY_NAME, "0", NULL };
	const char *const how[] = { "FORCE", "JUSTID", NULL }, *const nothing[] = { NULL };
	const char *const delete[] = { "XACKDEL", q->dead, BURY_NAME, "ACKED", "IDS", number, NULL };
	const struct resp_node *reply = NULL;
	int status;

	if (n == 0)
		return 0;
	snprintf(number, sizeof(number), "%zu", n);
	status = BURY(q->a, "MULTI") ?: BURY(q->a, "XGROUP", "CREATE", q->dead, BURY_NAME, "$") ?:
		 bury_queue(q->a, claim, jobs, n, how) ?: bury_queue(q->a, delete, jobs, n, nothing) ?:
		 BURY(q->a, "XGROUP", "DESTROY", q->dead, BURY_NAME) ?: bury_execute(q->a, 2, n, &reply);
	for (size_t i = 0; status == 0 && i < n; i++)
		jobs[i].stays = reply[1 + i].integer == 2;
	return status;
}

int
bury_job(const struct queue *q, const char *id, bool *ret_stays)
{
	const struct resp_node *reply;
	int status = ask(q->a, &reply, "UDSD", "NACK", q->stream, q->group, "DROP", id, NULL);

	if (status == 0)
		*ret_stays = reply->integer == 0;
	return status;
}
