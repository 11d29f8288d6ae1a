#include "scheduled.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#include "query.h"

/* A page of the daemon's list. ret_after: the last ticket, or what it was. */
static int
scheduled_take(const struct resp_node *nodes, char ret_after[SCHEDULED_TICKET], scheduled_cb *cb, void *arg)
{
	const struct resp_node *ticket, *due, *fields;
	struct timespec now;
	int64_t now_ms;

	clock_gettime(CLOCK_REALTIME, &now);
	now_ms = (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
	for (size_t at = 1; at < nodes->end; at = nodes[at].end) {
		ticket = ask_lookup(&nodes[at], "ticket");
		due = ask_lookup(&nodes[at], "due");
		fields = ask_lookup(&nodes[at], "fields"); /* the last one: the others are plain values */
		if (!ticket || ticket->text.len >= SCHEDULED_TICKET || !due || !fields)
			return ASK_FOREIGN;
		snprintf(ret_after, SCHEDULED_TICKET, "%.*s", (int)ticket->text.len, (const char *)ticket->text.p);
		cb(&(struct scheduled){ ret_after, due->integer > now_ms ? (uint64_t)(due->integer - now_ms) : 0,
		                        fields },
		   arg);
	}
	return 0;
}

int
scheduled_each(struct ask *a, const char *stream, scheduled_cb *cb, int (*turned)(void *arg), void *arg)
{
	struct query_pages pages = { a, QUERY_PAGE };
	char after[SCHEDULED_TICKET] = "0-0-0"; /* before all */
	const struct resp_node *nodes;
	int status;

	do {
		status = query_page(&pages, &nodes, "UDSD", "LATER", "LIST", stream, "AFTER", after, NULL);
		if (status != 0 || nodes->elements == 0)
			return status;
		status = scheduled_take(nodes, after, cb, arg) ?: turned(arg);
	} while (status == 0);
	return status;
}

bool
scheduled_is_ticket(const char *text)
{
	size_t n = strspn(text, "0123456789"), dashes = 0;

	for (const char *p = text; *p; p++)
		dashes += *p == '-';
	return n > 0 && dashes == 2 && !text[strspn(text, "0123456789-")];
}

int
scheduled_cancel(struct ask *a, const char *ticket, bool *ret_found)
{
	const struct resp_node *reply;
	int status = ask(a, &reply, "UDSD", "LATER", "CANCEL", ticket, NULL);

	if (status == 0)
		*ret_found = reply->integer != 0;
	return status;
}
