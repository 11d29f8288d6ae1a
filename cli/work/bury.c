/*
 * Only administrators may delete entries. But workers may acknowledge an entry and have it deleted if no other group
 * needs it: XACKDEL ACKED. So a dead job is made pending in a group of its own, which lives as long as the transaction.
 */
#include "bury.h"

/* That group, and its consumer. */
#define BURY_NAME "udsctl"

/* Runs what is queued. *ret_stays: by the reply to command number `at`, the entry was not deleted. Returns as ask(). */
static int
bury_execute(struct ask *a, size_t at, bool *ret_stays)
{
	const struct resp_node *nodes;
	size_t node = 1;
	int status = queue_ask(a, &nodes, "EXEC", NULL);

	if (status != 0)
		return status;
	if (queue_is_error(nodes))
		return ask_refuse(nodes);
	for (size_t i = 0; i < at && node < nodes->end; i++)
		node = nodes[node].end;
	if (node >= nodes->end)
		return ASK_FOREIGN;
	if (queue_is_error(&nodes[node]))
		return ask_refuse(&nodes[node]);
	*ret_stays = nodes[node].elements != 1 || nodes[node + 1].integer != 1;
	return 0;
}

/* Queues a command, whose words end with NULL, in the transaction. */
#define BURY(a, ...) ask(a, NULL, __VA_ARGS__, NULL)

int
bury_dead(const struct queue *q, const char *dead, bool *ret_stays)
{
	struct ask *a = q->a;
	int status = BURY(a, "MULTI") ?: BURY(a, "XGROUP", "CREATE", q->dead, BURY_NAME, "$") ?:
		     BURY(a, "XCLAIM", q->dead, BURY_NAME, BURY_NAME, "0", dead, "FORCE", "JUSTID") ?:
		     BURY(a, "XACKDEL", q->dead, BURY_NAME, "ACKED", "IDS", "1", dead) ?:
		     BURY(a, "XGROUP", "DESTROY", q->dead, BURY_NAME);

	return status ?: bury_execute(a, 2, ret_stays);
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
