/*
 * The daemon acknowledges what is pending for a consumer that is removed, and what this worker was given on a
 * connection that is lost is pending for it until it is given to another one. So each consumer is looked at first;
 * nothing comes to it between that and its removal, since nothing is asked for any more. One that stays is removed by
 * the daemon, after consumer_timeout.
 */
#include "leave.h"

#include <inttypes.h>
#include <stdio.h>

#include "human.h"
#include "loop.h"
#include "num.h"
#include "plan.h"
#include "say.h"
#include "supply.h"

/* ms until the supply is stopped again. */
#define AGAIN_MS ((uint64_t)10)
/* ms to get everything answered, or written. */
#define END_TIMEOUT ((uint64_t)5000)

static void
leave_unblock_cb(void *arg)
{
	struct leave *l = arg;
	char number[NUM_DIGITS_MAX + 1];
	const struct slice words[] = { slice_of("CLIENT"),
		                       slice_of("UNBLOCK"),
		                       { (uint8_t *)number, (size_t)snprintf(number, sizeof(number), "%" PRId64,
		                                                             supply_client(l->supply)) } };

	if (supply_is_asking(l->supply))
		control_send(l->control, (struct control_request){ .kind = CONTROL_UNBLOCK }, words, 3);
}

static void
leave_timed_out_cb(void *arg, const char *why)
{
	struct leave *l = arg;
	uint64_t n = control_verdicts(l->control);

	(void)why;
	if (n > 0)
		say("work: the daemon has not answered what became of %" PRIu64 " job%s, which may be done again", n,
		    human_s(n));
	loop_end(l->loop, l->status);
}

void
leave_init(struct leave *l, struct loop *loop, const struct plan *plan, struct control *control, struct supply *supply)
{
	*l = (struct leave){ .loop = loop, .plan = plan, .control = control, .supply = supply };
	timer_init(&l->again, loop, leave_unblock_cb, l);
	deadline_init(&l->deadline, loop, END_TIMEOUT, leave_timed_out_cb, l);
}

void
leave_deinit(struct leave *l)
{
	timer_deinit(&l->again);
	deadline_deinit(&l->deadline);
}

void
leave_stop_asking(struct leave *l)
{
	leave_unblock_cb(l);
}

/*
 * When nothing is pending for this worker, nothing asked for and no verdict unanswered: removes the consumers. Returns
 * whether that is done.
 */
static bool
leave_remove(struct leave *l)
{
	if (l->has_begun || !control_is_up(l->control))
		return l->left == 0;
	l->has_begun = true;
	l->left = l->plan->n_streams;
	for (size_t i = 0; i < l->left; i++) {
		const struct slice words[] = { slice_of("XPENDING"),
			                       slice_of(l->plan->streams[i]),
			                       slice_of(l->plan->group),
			                       slice_of("-"),
			                       slice_of("+"),
			                       slice_of("1"),
			                       slice_of(l->plan->consumer) };

		control_send(l->control, (struct control_request){ .kind = CONTROL_LOOK, .stream = i }, words, 7);
	}
	return false;
}

void
leave_go_on(struct leave *l, bool is_idle)
{
	if (is_idle && control_verdicts(l->control) == 0 && !supply_is_asking(l->supply) && leave_remove(l))
		loop_end(l->loop, l->status);
	else
		deadline_run(&l->deadline, true);
}

void
leave_reply(struct leave *l, const struct control_request *request, const struct resp_node *nodes)
{
	const struct slice words[] = { slice_of("XGROUP"), slice_of("DELCONSUMER"),
		                       slice_of(l->plan->streams[request->stream]), slice_of(l->plan->group),
		                       slice_of(l->plan->consumer) };

	if (request->kind == CONTROL_UNBLOCK)
		timer_set(&l->again, AGAIN_MS);
	else if (request->kind == CONTROL_LOOK && nodes->type == RESP_ARRAY && nodes->elements == 0)
		control_send(l->control, (struct control_request){ .kind = CONTROL_LEAVE, .stream = request->stream },
		             words, 5);
	else
		l->left--;
}

void
leave_lost(struct leave *l)
{
	l->left = 0;
}
