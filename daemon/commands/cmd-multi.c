/* MULTI, EXEC and DISCARD. */
#include "cmd-pubsub.h"
#include "exec-needs.h"
#include "execute.h"
#include "keyspace.h"
#include "handlers.h"
#include "publish.h"
#include "reply.h"
#include "sessions.h"
#include "transaction.h"

enum command_result
cmd_multi(struct bus *bus, struct session *s, const struct slice *argv, size_t argc)
{
	if (s->in_transaction)
		reply_error(bus, s, "ERR MULTI calls can not be nested");
	else if (transaction_begin(s) < 0)
		reply_error(bus, s, "ERR out of memory");
	else
		reply_status(bus, s, "OK");
	return COMMAND_DONE;
}

/* What all that one EXEC publishes may take in the queues of its receivers beside the messages themselves, in bytes. */
static uint64_t
multi_memory_max(const struct bus *bus)
{
	return bus->flow.limits.queue_limit_per_uid / 4;
}

/*
 * What one EXEC may cost: all others wait for it. Beyond that, it is refused if its channels take so long to be found;
 * and commands that walk over clients or channels are not run any more.
 */
#define EXEC_WORK ((uint64_t)100 * 1000 * 1000)

/* Changes with all that a check looks at: who receives what, and who is clogged. */
static uint64_t
multi_generation(const struct bus *bus)
{
	return bus->subscriptions.channels.routing.members_generation + bus->flow.clog_generation;
}

/* Ends that all others wait. They go first now, and the user pays once more: EXEC after EXEC would stop all others. */
static void
multi_end(struct bus *bus, struct session *s, const struct transaction *transaction)
{
	if (bus->flow.executing != &s->client)
		return;
	if (!TAILQ_EMPTY(&bus->flow.excluded)) {
		s->client.user->credit -= (int64_t)transaction->work;
		bus->flow.work.turn_end = bus->flow.work.done;
	}
	if (transaction->is_running && !transaction->is_answered)
		output_end_answer(&bus->flow, &s->client, transaction->answer);
	bus_end_exec(bus);
}

/* Gives the client the messages to itself, which come behind the answer. Returns whether all are queued. */
static bool
multi_deliver_own(struct bus *bus, struct session *s, struct transaction *transaction)
{
	if (!transaction->is_answered)
		output_end_answer(&bus->flow, &s->client, transaction->answer);
	transaction->is_answered = true;
	return bus_deliver_deferred(bus, bus->flow.work.turn_end);
}

/*
 * Whether one command could run to its end now. COMMAND_WAIT: it could not, and the session waits; *ret_is_anew: all
 * is looked at again then, as it was ready for all of it only at this moment.
 */
static enum command_result
multi_check(struct bus *bus, struct session *s, struct transaction *transaction, const struct queued_command *command,
            bool *ret_is_anew)
{
	uint64_t begin = bus->flow.work.done;

	bus->flow.work.done += 2 * WORK_VISIT; /* commands may be many, and are in no cache */
	*ret_is_anew = false;
	if (!(command->row->flags & COMMAND_PUBLISHES)) {
		if (!keyspace_exec_must_wait(bus, s, command->row))
			return exec_needs_fetch(bus, s, transaction, command, ret_is_anew);
		*ret_is_anew = true;
	} else if (cmd_publish_must_wait(bus, s, command->argv, command->row->run == cmd_spublish,
	                                 &transaction->memory)) {
		*ret_is_anew = s->client.in_list != &bus->flow.wide_waiters; /* else receivers are still searched for */
	} else {
		transaction->work += bus->flow.work.done - begin;
		return COMMAND_DONE;
	}
	if (*ret_is_anew)
		exec_needs_drop(bus, s);
	return COMMAND_WAIT;
}

/*
 * EXEC starts only when everything that it publishes can go out without waiting, and everything that it reads is in
 * memory, since nothing may come in between later. What was found in earlier turns may not hold any more at the end;
 * then it looks again, while all others wait. Returns COMMAND_DONE when EXEC may start, or would cost too much, as
 * transaction->work and needs.is_too_much say.
 */
static enum command_result
multi_wait_until_ready(struct bus *bus, struct session *s, struct transaction *transaction)
{
	if (!transaction->next) {
		transaction->next = STAILQ_FIRST(&transaction->commands);
		transaction->memory = transaction->work = 0;
		transaction->generation = multi_generation(bus);
		transaction->has_paused = false;
		transaction->needs = (struct exec_needs){ 0 };
	}
	if (bus->flow.wide == &s->client)
		transaction->work += bus->flow.wide_work; /* for the command that is checked now */
	while (transaction->next && transaction->work <= EXEC_WORK && !transaction->needs.is_too_much) {
		enum command_result result = COMMAND_MORE;
		bool is_anew = false;

		if (!job_must_pause(bus, s, 0))
			result = multi_check(bus, s, transaction, transaction->next, &is_anew);
		if (result == COMMAND_DONE) {
			transaction->next = STAILQ_NEXT(transaction->next, link);
			continue;
		}
		transaction->has_paused = true;
		/* Others must not wait for the disk. */
		if (is_anew || (result == COMMAND_WAIT && s->client.in_list != &bus->flow.wide_waiters &&
		                bus->flow.executing == &s->client)) {
			transaction->next = NULL;
			multi_end(bus, s, transaction);
		}
		return result;
	}
	if (!transaction->next && transaction->has_paused && bus->flow.executing != &s->client &&
	    (transaction->needs.has_any || transaction->generation != multi_generation(bus))) {
		batch_close(&bus->batch);
		flow_set_executing(&bus->flow, &s->client);
		return COMMAND_MORE;
	}
	transaction->is_checked = true;
	return COMMAND_DONE;
}

/*
 * Outside of transactions, a client that does not read its replies is no longer read from. EXEC cannot wait in the
 * middle: a client with too many replies gets no more of them, and is disconnected when all has run.
 */
static void
multi_limit_replies(struct bus *bus, struct session *s, struct transaction *transaction)
{
	if (transaction->is_too_long ||
	    outq_cost(&s->client.out) <= bus->flow.limits.queue_limit + bus->flow.limits.max_message)
		return;
	flow_log(&bus->flow, &s->client, LOG_LEVEL_WARNING,
	         "the replies of its transaction take %zu bytes, disconnected", s->client.out.bytes);
	transaction->is_too_long = true;
	s->reply_mode = REPLY_OFF;
}

static enum command_result
multi_refuse(struct bus *bus, struct session *s)
{
	place_clear(bus, &sessions_of(bus)->place);
	reply_error(bus, s, "ERR the transaction takes too long");
	return COMMAND_DONE;
}

/* Whether a command has to wait until the wide batch, to which one before it has published, is delivered. */
static bool
multi_waits_for_wide(const struct bus *bus, struct session *s, const struct queued_command *command)
{
	if (!batch_is_wide(&bus->batch))
		return false;
	return !command || !(command->row->flags & COMMAND_PUBLISHES) ||
	       !publish_joins(bus, &s->client, command->argv[1], command->row->run == cmd_spublish,
	                      command->argv[2].len);
}

/*
 * Runs the commands until all are done or the turn is over. In between, flow.executing makes all others wait whose
 * commands could see or change anything, so for them EXEC happens at once.
 */
static enum command_result
multi_run(struct bus *bus, struct session *s, struct transaction *transaction)
{
	struct sessions *sessions = sessions_of(bus);

	while (transaction->next && s->client.state != CLIENT_DEAD) {
		const struct queued_command *command = transaction->next;
		uint64_t begin = bus->flow.work.done;
		enum command_result result;

		if (multi_waits_for_wide(bus, s, command))
			return COMMAND_MORE;
		if (job_must_pause(bus, s, 0)) {
			batch_send(&bus->batch);
			return COMMAND_MORE;
		}
		sessions->place = transaction->place;
		transaction->place = (struct place){ 0 };
		bus->flow.work.done += WORK_COMMAND;
		if (transaction->work > EXEC_WORK && command->row->flags & COMMAND_LINEAR &&
		    !(command->row->flags & COMMAND_MAY_WAIT))
			result = multi_refuse(bus, s);
		else
			result = execute(bus, s, command->row, execute_stats(bus, command->row), command->argv,
			                 command->argc);
		transaction->work += bus->flow.work.done - begin;
		multi_limit_replies(bus, s, transaction);
		if (result != COMMAND_DONE) { /* it goes on there */
			transaction->place = sessions->place;
			sessions->place = (struct place){ 0 };
			if (result == COMMAND_WAIT)
				return COMMAND_WAIT;
		} else {
			transaction->next = STAILQ_NEXT(command, link);
			place_clear(bus, &sessions->place);
		}
	}
	if (multi_waits_for_wide(bus, s, NULL) || !multi_deliver_own(bus, s, transaction))
		return COMMAND_MORE;
	multi_end(bus, s, transaction);
	if (transaction->is_too_long)
		flow_mark_dead(&bus->flow, &s->client);
	if (transaction->closes)
		bus_finish(bus, &s->client);
	return COMMAND_DONE;
}

static void
multi_begin(struct bus *bus, struct session *s, struct transaction *transaction)
{
	batch_close(&bus->batch); /* messages of others are no part of it, and their answers may wait for s */
	flow_set_executing(&bus->flow, &s->client);
	transaction->is_running = true;
	transaction->work = 0;
	transaction->next = STAILQ_FIRST(&transaction->commands);
	transaction->answer = output_begin_answer(&bus->flow, &s->client);
	reply_array(bus, s, transaction->n);
}

/* Whether a transaction that is checked must not run; then an error was replied. */
static bool
multi_is_refused(struct bus *bus, struct session *s, const struct transaction *transaction)
{
	if (transaction->has_failed)
		reply_error(bus, s, "EXECABORT Transaction discarded because of previous errors.");
	else if (transaction->work > EXEC_WORK)
		reply_error(bus, s,
		            "EXECABORT Transaction discarded because of: it takes too long to match its channels with "
		            "all patterns");
	else if (transaction->needs.is_too_much)
		reply_error(
		    bus, s,
		    "EXECABORT Transaction discarded because of: what it reads from disk takes more than half of "
		    "the memory for that ([store] cache)");
	else if (transaction->memory > multi_memory_max(bus))
		reply_error(bus, s,
		            "EXECABORT Transaction discarded because of: it publishes to too many receivers at once, "
		            "their queues would take %llu bytes, over a quarter of queue_limit_per_uid (%llu)",
		            (unsigned long long)transaction->memory,
		            (unsigned long long)bus->flow.limits.queue_limit_per_uid);
	else
		return false;
	return true;
}

enum command_result
cmd_exec(struct bus *bus, struct session *s, const struct slice *argv, size_t argc)
{
	struct transaction *transaction = s->in_transaction ? s->info->transaction : NULL;
	enum command_result result = COMMAND_DONE;

	if (!transaction) {
		reply_error(bus, s, "ERR EXEC without MULTI");
		return COMMAND_DONE;
	}
	if (!transaction->is_running && services_settle(&bus->services, &s->client))
		return COMMAND_WAIT;
	if (!transaction->is_checked)
		result = multi_wait_until_ready(bus, s, transaction);
	if (result != COMMAND_DONE)
		return result;
	/* Once it runs, nothing can refuse it any more: a reload may have changed the limits since. */
	if (s->client.state != CLIENT_DEAD && (transaction->is_running || !multi_is_refused(bus, s, transaction))) {
		if (!transaction->is_running)
			multi_begin(bus, s, transaction);
		result = multi_run(bus, s, transaction);
		if (result != COMMAND_DONE)
			return result;
	}
	multi_end(bus, s, transaction);
	transaction_end(bus, s);
	return COMMAND_DONE;
}

enum command_result
cmd_discard(struct bus *bus, struct session *s, const struct slice *argv, size_t argc)
{
	if (s->in_transaction)
		reply_status(bus, s, "OK");
	else
		reply_error(bus, s, "ERR DISCARD without MULTI");
	transaction_end(bus, s);
	return COMMAND_DONE;
}
