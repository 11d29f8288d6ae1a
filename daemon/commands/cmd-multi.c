/* MULTI, EXEC and DISCARD. */
#include "cmd-publish.h"
#include "execute.h"
#include "handlers.h"
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

/* EXEC starts only when everything that it publishes can go out without waiting. */
static enum command_result
multi_wait(struct bus *bus, struct session *s, const struct transaction *transaction)
{
	uint64_t begin = bus->flow.work;
	const struct queued_command *command;

	STAILQ_FOREACH(command, &transaction->commands, link) {
		if (bus->flow.work - begin > FLOW_COMMAND_WORK)
			break; /* EXEC will be refused */
		if (command->row->flags & COMMAND_MAY_WAIT &&
		    cmd_publish_wait(bus, s, command->argv, command->row->flags & COMMAND_SHARD_ONE) == COMMAND_WAIT)
			return COMMAND_WAIT;
	}
	return COMMAND_DONE;
}

/*
 * Outside of transactions, a client that does not read its replies is no longer read from. EXEC cannot stop in the
 * middle, so it disconnects such a client.
 */
static void
multi_check_output(struct bus *bus, struct session *s)
{
	if (s->client.state == CLIENT_DEAD ||
	    outq_cost(&s->client.out) <= bus->flow.limits.queue_limit + bus->flow.limits.max_message)
		return;
	flow_log(&bus->flow, &s->client, LOG_LEVEL_WARNING,
	         "the replies of its transaction take %zu bytes, disconnected", s->client.out.bytes);
	flow_mark_dead(&bus->flow, &s->client);
}

static void
multi_run(struct bus *bus, struct session *s, const struct transaction *transaction)
{
	uint64_t begin = bus->flow.work;
	const struct queued_command *command;

	run_close(&bus->run); /* messages of others are no part of it, and their answers may wait for s */
	bus->flow.executing = &s->client;
	reply_array(bus, s, transaction->n);
	STAILQ_FOREACH(command, &transaction->commands, link) {
		if (command->row->flags & COMMAND_LINEAR && !(command->row->flags & COMMAND_MAY_WAIT) &&
		    bus->flow.work - begin > FLOW_COMMAND_WORK)
			reply_error(bus, s, "ERR the transaction takes too long");
		else
			execute(bus, s, command->row, execute_stats(bus, command->row), command->argv, command->argc);
		multi_check_output(bus, s);
	}
	bus_end_exec(bus);
}

enum command_result
cmd_exec(struct bus *bus, struct session *s, const struct slice *argv, size_t argc)
{
	uint64_t begin = bus->flow.work;

	if (!s->in_transaction) {
		reply_error(bus, s, "ERR EXEC without MULTI");
		return COMMAND_DONE;
	}
	if (multi_wait(bus, s, s->info->transaction) == COMMAND_WAIT)
		return COMMAND_WAIT;
	if (s->client.state == CLIENT_DEAD)
		return COMMAND_DONE;
	if (s->info->transaction->has_failed)
		reply_error(bus, s, "EXECABORT Transaction discarded because of previous errors.");
	else if (bus->flow.work - begin > FLOW_COMMAND_WORK)
		reply_error(bus, s,
		            "EXECABORT Transaction discarded because of: it takes too long to match its channels with "
		            "all patterns");
	else
		multi_run(bus, s, s->info->transaction);
	transaction_end(s);
	return COMMAND_DONE;
}

enum command_result
cmd_discard(struct bus *bus, struct session *s, const struct slice *argv, size_t argc)
{
	if (s->in_transaction)
		reply_status(bus, s, "OK");
	else
		reply_error(bus, s, "ERR DISCARD without MULTI");
	transaction_end(s);
	return COMMAND_DONE;
}
