/* MULTI, EXEC and DISCARD. */
#include "bus.h"
#include "cmd-publish.h"
#include "command-list.h"
#include "reply.h"
#include "run.h"
#include "session.h"
#include "transaction.h"

enum command_result
cmd_multi(struct bus *bus, struct session *s, const struct slice *argv __attribute__((unused)),
          size_t argc __attribute__((unused)))
{
	if (s->in_transaction)
		reply_error(bus, s, "ERR MULTI calls can not be nested");
	else if (transaction_begin(s) < 0)
		reply_error(bus, s, "ERR out of memory");
	else
		reply_status(bus, s, "OK");
	return COMMAND_DONE;
}

/* What is published must be able to go before anything of it does. */
static enum command_result
wait_for_all(struct bus *bus, struct session *s, const struct transaction *transaction)
{
	uint64_t begin = bus->router.patterns.work;
	const struct queued_command *command;

	STAILQ_FOREACH(command, &transaction->commands, link) {
		if (bus->router.patterns.work - begin > BUS_COMMAND_WORK)
			break; /* it will be refused */
		if (command->row->flags & COMMAND_MAY_WAIT &&
		    cmd_publish_wait(bus, s, command->argv, command->row->flags & COMMAND_SHARD_ONE) == COMMAND_WAIT)
			return COMMAND_WAIT;
	}
	return COMMAND_DONE;
}

/* Between commands that are not in a transaction, who does not read its replies is not read from. */
static void
check_output(struct bus *bus, struct session *s)
{
	if (s->state == SESSION_DEAD || outq_cost(&s->out) <= bus->limits.queue_limit + bus->limits.max_message)
		return;
	session_log(s, bus, LOG_LEVEL_WARNING, "the replies of its transaction take %zu bytes, disconnected",
	            s->out.bytes);
	session_mark_dead(s, bus);
}

static void
execute(struct bus *bus, struct session *s, const struct transaction *transaction)
{
	uint64_t begin = bus->router.patterns.work;
	const struct queued_command *command;

	run_close(bus); /* what others have published is no part of it: their answers wait for s, too */
	bus->executing = s;
	reply_array(bus, s, transaction->n);
	STAILQ_FOREACH(command, &transaction->commands, link) {
		if (command->row->flags & COMMAND_LINEAR && !(command->row->flags & COMMAND_MAY_WAIT) &&
		    bus->router.patterns.work - begin > BUS_COMMAND_WORK)
			reply_error(bus, s, "ERR the transaction takes too long");
		else
			command_execute(bus, s, command->row, command->argv, command->argc);
		check_output(bus, s);
	}
	run_deliver_deferred(bus);
}

enum command_result
cmd_exec(struct bus *bus, struct session *s, const struct slice *argv __attribute__((unused)),
         size_t argc __attribute__((unused)))
{
	uint64_t begin = bus->router.patterns.work;

	if (!s->in_transaction) {
		reply_error(bus, s, "ERR EXEC without MULTI");
		return COMMAND_DONE;
	}
	if (wait_for_all(bus, s, s->info->transaction) == COMMAND_WAIT)
		return COMMAND_WAIT;
	if (s->state == SESSION_DEAD)
		return COMMAND_DONE;
	if (s->info->transaction->has_failed)
		reply_error(bus, s, "EXECABORT Transaction discarded because of previous errors.");
	else if (bus->router.patterns.work - begin > BUS_COMMAND_WORK)
		reply_error(bus, s,
		            "EXECABORT Transaction discarded because of: its channels take too long to be held "
		            "against all patterns");
	else
		execute(bus, s, s->info->transaction);
	transaction_end(s);
	return COMMAND_DONE;
}

enum command_result
cmd_discard(struct bus *bus, struct session *s, const struct slice *argv __attribute__((unused)),
            size_t argc __attribute__((unused)))
{
	if (s->in_transaction)
		reply_status(bus, s, "OK");
	else
		reply_error(bus, s, "ERR DISCARD without MULTI");
	transaction_end(s);
	return COMMAND_DONE;
}
