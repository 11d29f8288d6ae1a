/*
 * The values of a group that the command line names are set; of the others, those that the group has not got from
 * anywhere. So the administrator's [stream] sections hold, and without any the queue has retries and a dead letter.
 */
#include "setup.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sysexits.h>

#include "answers.h"
#include "loop.h"
#include "num.h"
#include "plan.h"
#include "say.h"

/* Consumers of workers that are gone are removed after so long. */
#define CONSUMER_TIMEOUT "1h"

/* So many ms less than by this clock, an entry may have been pending by the daemon's, which looks at it now and then.
 */
#define CLOCK_SLACK ((uint64_t)100)

#define WORDS_MAX 16

static struct slice
setup_word(const char *text)
{
	return (struct slice){ (const uint8_t *)text, strlen(text) };
}

/* Sends a command whose words end with NULL. */
static void
setup_send(struct setup *s, struct control_request request, const char *const *words)
{
	struct slice slices[WORDS_MAX];
	size_t n = 0;

	for (; words[n] && n < WORDS_MAX; n++)
		slices[n] = setup_word(words[n]);
	control_send(s->control, request, slices, n);
}

void
setup_begin(struct setup *s)
{
	s->lease_ms = 0;
	s->rules = s->plan->n_streams;
	for (size_t i = 0; i < s->plan->n_streams; i++)
		setup_send(s, (struct control_request){ .kind = CONTROL_CREATE, .stream = i },
		           (const char *const[]){ "XGROUP", "CREATE", s->plan->streams[i], s->plan->group, "0",
		                                  "MKSTREAM", NULL });
	for (size_t i = 0; i < s->plan->n_streams; i++)
		setup_send(s, (struct control_request){ .kind = CONTROL_RULE, .stream = i },
		           (const char *const[]){ "UDSD", "GROUP", s->plan->streams[i], s->plan->group, NULL });
}

static void
setup_claim_one(struct setup *s, const struct job *job)
{
	struct control_request request = { .kind = CONTROL_CLAIM, .stream = job->stream };
	uint64_t held = loop_now() - job->held_at, slack = held / 2 < CLOCK_SLACK ? held / 2 : CLOCK_SLACK;
	char idle[NUM_DIGITS_MAX + 1];

	snprintf(idle, sizeof(idle), "%" PRIu64, held - slack);
	memcpy(request.id, job->id, sizeof(request.id));
	setup_send(s, request,
	           (const char *const[]){ "XCLAIM", s->plan->streams[job->stream], s->plan->group, s->plan->consumer,
	                                  idle, job->id, "JUSTID", NULL });
}

void
setup_claim(struct setup *s, const struct job_list *jobs)
{
	const struct job *job;

	TAILQ_FOREACH(job, jobs, link)
		setup_claim_one(s, job);
}

void
setup_finish(struct setup *s)
{
	setup_send(s, (struct control_request){ .kind = CONTROL_SYNC }, (const char *const[]){ "PING", NULL });
}

/* A value of the group is one that says nothing: it is missing, empty or 0. */
static bool
setup_lacks(const struct resp_node *map, const char *name, uint64_t *ret_number)
{
	const struct resp_node *node = map + 1;

	for (size_t i = 0; i + 1 < map->elements; i += 2, node += 2) {
		if (!resp_node_is(node, name))
			continue;
		if (ret_number)
			*ret_number = (uint64_t)node[1].integer;
		return node[1].type == RESP_INTEGER ? node[1].integer == 0
		                                    : node[1].text.len == 0 || resp_node_is(&node[1], "0");
	}
	return true;
}

/* Sets what the group lacks, and what was asked for. */
static void
setup_set(struct setup *s, size_t stream, const struct resp_node *map)
{
	const struct plan *plan = s->plan;
	const struct {
		const char *name, *value;
		bool is_given;
	} values[] = {
		{ "max_deliveries", plan->max_deliveries, plan->o->retries },
		{ "retry_delay", plan->retry_delay, plan->o->backoff },
		{ "dead_letter", plan->o->dead_letter, plan->o->dead_letter },
		{ "consumer_timeout", CONSUMER_TIMEOUT, false },
	};
	const char *words[WORDS_MAX] = { "UDSD", "GROUP", plan->streams[stream], plan->group, "SET" };
	uint64_t lease_ms = 0;
	size_t n = 5;

	setup_lacks(map, "redeliver", &lease_ms);
	if (lease_ms > 0 && (s->lease_ms == 0 || lease_ms < s->lease_ms))
		s->lease_ms = lease_ms;
	for (size_t i = 0; i < sizeof(values) / sizeof(values[0]); i++) {
		if (!values[i].value || (!values[i].is_given && !setup_lacks(map, values[i].name, NULL)))
			continue;
		words[n++] = values[i].name;
		words[n++] = values[i].value;
	}
	if (n > 5)
		setup_send(s, (struct control_request){ .kind = CONTROL_SET, .stream = stream }, words);
}

/* The daemon refuses a command of the setup. */
static enum setup_next
setup_refused(const struct setup *s, const struct control_request *request, const struct slice *text, int *ret_status)
{
	say("%s: %.*s", s->plan->streams[request->stream], (int)text->len, (const char *)text->p);
	if (s->was_ready && answers_error_is_temporary(text))
		return SETUP_LATER;
	*ret_status = answers_error_status(text);
	return SETUP_END;
}

enum setup_next
setup_reply(struct setup *s, const struct control_request *request, const struct resp_node *nodes, int *ret_status)
{
	bool is_error = nodes->type == RESP_ERROR || nodes->type == RESP_BULK_ERROR;

	if (request->kind == CONTROL_CLAIM)
		return !is_error && nodes->elements == 0 ? SETUP_LOST : SETUP_GO_ON;
	if (is_error && !(request->kind == CONTROL_CREATE && answers_error_is(&nodes->text, "BUSYGROUP")))
		return setup_refused(s, request, &nodes->text, ret_status);
	if (request->kind == CONTROL_RULE) {
		setup_set(s, request->stream, nodes);
		if (--s->rules == 0)
			return SETUP_CLAIM;
	}
	if (request->kind == CONTROL_SYNC) {
		s->was_ready = true;
		return SETUP_READY;
	}
	return SETUP_GO_ON;
}
