/*
 * The values of a group that the command line names are set; of the others, those that the group has not got from
 * anywhere. So the administrator's [stream] sections hold, and without any the queue has retries and a dead letter.
 */
#include "setup.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

#include "answers.h"
#include "loop.h"
#include "memory.h"
#include "num.h"
#include "plan.h"
#include "say.h"

/* Consumers of workers that are gone are removed after so long. */
#define CONSUMER_TIMEOUT "1h"

/* So many ms less than by this clock, an entry may have been pending by the daemon's, which looks at it now and then.
 */
#define CLOCK_SLACK ((uint64_t)100)

#define WORDS_MAX 16

/* Sends a command whose words end with NULL. */
static void
setup_send(struct setup *s, struct control_request request, const char *const *words)
{
	struct slice slices[WORDS_MAX];
	size_t n = 0;

	for (; words[n] && n < WORDS_MAX; n++)
		slices[n] = slice_of(words[n]);
	control_send(s->control, request, slices, n);
}

/* Asks what holds for the groups. */
static void
setup_ask(struct setup *s, enum control_kind kind)
{
	for (size_t i = 0; i < s->plan->n_streams; i++)
		setup_send(s, (struct control_request){ .kind = kind, .stream = i },
		           (const char *const[]){ "UDSD", "GROUP", s->plan->streams[i], s->plan->group, NULL });
}

void
setup_init(struct setup *s, const struct plan *plan, struct control *control)
{
	*s = (struct setup){ .plan = plan, .control = control };
	s->of = memory_alloc(plan->n_streams * sizeof(*s->of));
}

void
setup_deinit(struct setup *s)
{
	free(s->of);
}

void
setup_refresh(struct setup *s)
{
	if (s->leases > 0)
		return;
	s->leases = s->plan->n_streams;
	s->lease_next_ms = 0;
	setup_ask(s, CONTROL_LEASE);
}

void
setup_begin(struct setup *s)
{
	s->lease_ms = s->leases = 0;
	s->rules = s->plan->n_streams;
	for (size_t i = 0; i < s->plan->n_streams; i++)
		setup_send(s, (struct control_request){ .kind = CONTROL_CREATE, .stream = i },
		           (const char *const[]){ "XGROUP", "CREATE", s->plan->streams[i], s->plan->group, "0",
		                                  "MKSTREAM", NULL });
	setup_ask(s, CONTROL_RULE);
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
	setup_refresh(s); /* so that what becomes of the first job is known */
	setup_send(s, (struct control_request){ .kind = CONTROL_SYNC }, (const char *const[]){ "PING", NULL });
}

/* A value of the group; empty where it says nothing: it is missing, or 0. */
static struct slice
setup_value(const struct resp_node *map, const char *name)
{
	const struct resp_node *node = map + 1;

	for (size_t i = 0; i + 1 < map->elements; i += 2, node += 2)
		if (resp_node_is(node, name) && (node[1].type != RESP_INTEGER || node[1].integer != 0))
			return node[1].text;
	return (struct slice){ (const uint8_t *)"", 0 };
}

static uint64_t
setup_number(const struct resp_node *map, const char *name)
{
	struct slice text = setup_value(map, name);
	int64_t n;

	return text.len > 0 && num_parse_resp(text.p, text.len, &n) == 0 && n > 0 ? (uint64_t)n : 0;
}

/* Takes over the lease of one more group, if it is shorter. */
static void
setup_take_lease(uint64_t *lease_ms, const struct resp_node *map)
{
	uint64_t ms = setup_number(map, "redeliver");

	if (ms > 0 && (*lease_ms == 0 || ms < *lease_ms))
		*lease_ms = ms;
}

/* Takes over what holds for a group, and tells people that it is paused. */
static void
setup_take_rule(struct setup *s, size_t stream, const struct resp_node *map)
{
	struct slice delay = setup_value(map, "retry_delay");
	struct setup_rule *rule = &s->of[stream];
	bool was_paused = rule->is_paused;

	rule->is_known = true;
	rule->max_deliveries = setup_number(map, "max_deliveries");
	rule->is_paused = setup_number(map, "paused") > 0;
	snprintf(rule->retry_delay, sizeof(rule->retry_delay), "%.*s", (int)delay.len, (const char *)delay.p);
	if (rule->is_paused && !was_paused)
		say("%s is paused: it gives no jobs until 'udsctl resume'", s->plan->streams[stream]);
}

/*
 * Sets what the group lacks, and what was asked for. The timeout of its consumers is always set: a group with a value
 * of its own is one that is worked off.
 */
static void
setup_set(struct setup *s, size_t stream, const struct resp_node *map)
{
	const struct plan *plan = s->plan;
	struct slice timeout = setup_value(map, "consumer_timeout");
	const struct {
		const char *name;
		struct slice value;
		bool is_set;
	} values[] = {
		{ "max_deliveries", slice_of(plan->max_deliveries),
		  plan->o->retries || setup_value(map, "max_deliveries").len == 0 },
		{ "retry_delay", slice_of(plan->retry_delay),
		  plan->o->backoff || setup_value(map, "retry_delay").len == 0 },
		{ "dead_letter", slice_of(plan->o->dead_letter ?: ""), plan->o->dead_letter },
		{ "consumer_timeout", timeout.len > 0 ? timeout : slice_of(CONSUMER_TIMEOUT), true },
	};
	struct slice words[WORDS_MAX] = { slice_of("UDSD"), slice_of("GROUP"), slice_of(plan->streams[stream]),
		                          slice_of(plan->group), slice_of("SET") };
	size_t n = 5;

	setup_take_lease(&s->lease_ms, map);
	for (size_t i = 0; i < sizeof(values) / sizeof(values[0]); i++) {
		if (!values[i].is_set)
			continue;
		words[n++] = slice_of(values[i].name);
		words[n++] = values[i].value;
	}
	control_send(s->control, (struct control_request){ .kind = CONTROL_SET, .stream = stream }, words, n);
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
setup_reply(struct setup *s, const struct control_request *request, struct job *job, const struct resp_node *nodes,
            int *ret_status)
{
	bool is_error = resp_node_is_error(nodes);

	if (request->kind == CONTROL_CLAIM) {
		if (job && !is_error && nodes->elements > 0)
			job->held_at = loop_now();
		else if (job && !is_error)
			job->is_lost = true;
		return SETUP_GO_ON;
	}
	if (request->kind == CONTROL_LEASE) {
		if (!is_error) {
			setup_take_lease(&s->lease_next_ms, nodes);
			setup_take_rule(s, request->stream, nodes);
		}
		if (s->leases > 0 && --s->leases == 0)
			s->lease_ms = s->lease_next_ms;
		return SETUP_GO_ON;
	}
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
