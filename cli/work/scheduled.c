#include "scheduled.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "num.h"

/* More are not asked for at once. */
#define COUNT_MAX ((uint64_t)10000)

int
scheduled_each(struct ask *a, const char *stream, uint64_t max, scheduled_cb *cb, void *arg)
{
	const struct resp_node *nodes, *ticket, *due, *fields;
	char count[NUM_DIGITS_MAX + 1];
	struct timespec now;
	int64_t now_ms;
	int status;

	snprintf(count, sizeof(count), "%" PRIu64, max < COUNT_MAX ? max : COUNT_MAX);
	status = ask(a, &nodes, "UDSD", "LATER", "LIST", stream, "COUNT", count, NULL);
	if (status != 0)
		return status;
	clock_gettime(CLOCK_REALTIME, &now);
	now_ms = (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
	for (size_t at = 1; at < nodes->end; at = nodes[at].end) {
		ticket = ask_lookup(&nodes[at], "ticket");
		due = ask_lookup(&nodes[at], "due");
		fields = ask_lookup(&nodes[at], "fields"); /* the last one: the others are plain values */
		if (!ticket || !due || !fields)
			return ASK_FOREIGN;
		cb(&(struct scheduled){ ticket->text, due->integer > now_ms ? (uint64_t)(due->integer - now_ms) : 0,
		                        fields },
		   arg);
	}
	return 0;
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
