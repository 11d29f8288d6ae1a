#include "transaction.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "bus.h"
#include "reply.h"
#include "session.h"

int
transaction_begin(struct session *s)
{
	struct session_info *info = session_get_info(s);

	if (!info)
		return -ENOMEM;
	info->transaction = calloc(1, sizeof(*info->transaction));
	if (!info->transaction)
		return -ENOMEM;
	STAILQ_INIT(&info->transaction->commands);
	s->in_transaction = true;
	return 0;
}

static void
transaction_clear(struct transaction *transaction)
{
	struct queued_command *command;

	while ((command = STAILQ_FIRST(&transaction->commands))) {
		STAILQ_REMOVE_HEAD(&transaction->commands, link);
		free(command);
	}
	transaction->bytes = 0;
}

void
transaction_free(struct transaction *transaction)
{
	if (!transaction)
		return;
	transaction_clear(transaction);
	free(transaction);
}

void
transaction_end(struct session *s)
{
	if (!s->in_transaction)
		return;
	transaction_free(s->info->transaction);
	s->info->transaction = NULL;
	s->in_transaction = false;
}

void
transaction_fail(struct session *s)
{
	s->info->transaction->has_failed = true;
	transaction_clear(s->info->transaction);
}

/* bytes: the sum of the arguments' lengths. */
static struct queued_command *
transaction_copy(const struct command *row, const struct slice *argv, size_t argc, size_t bytes)
{
	struct queued_command *command = malloc(sizeof(*command) + argc * sizeof(*argv) + bytes);
	uint8_t *p;

	if (!command)
		return NULL;
	*command = (struct queued_command){ .row = row, .argc = argc };
	p = (uint8_t *)&command->argv[argc];
	for (size_t i = 0; i < argc; i++) {
		memcpy(p, argv[i].p, argv[i].len);
		command->argv[i] = (struct slice){ p, argv[i].len };
		p += argv[i].len;
	}
	return command;
}

void
transaction_add(struct bus *bus, struct session *s, const struct command *row, const struct slice *argv, size_t argc)
{
	struct transaction *transaction = s->info->transaction;
	size_t limit = bus->flow.limits.max_message + PROTOCOL_REQUEST_ROOM, bytes = 0, cost;
	struct queued_command *command;

	for (size_t i = 0; i < argc; i++)
		bytes += argv[i].len;
	cost = sizeof(*command) + argc * sizeof(*argv) + bytes;
	if (transaction->has_failed) {
		reply_status(bus, s, "QUEUED"); /* like Redis, although it will not run */
		return;
	}
	if (transaction->bytes + cost > limit) {
		transaction_fail(s);
		reply_error(bus, s, "ERR the transaction takes more than %zu bytes (max_message + 1 MiB)", limit);
		return;
	}
	command = transaction_copy(row, argv, argc, bytes);
	if (!command) {
		transaction_fail(s);
		reply_error(bus, s, "ERR out of memory");
		return;
	}
	STAILQ_INSERT_TAIL(&transaction->commands, command, link);
	transaction->n++;
	transaction->bytes += cost;
	reply_status(bus, s, "QUEUED");
}
