#include "transaction.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "bus.h"
#include "reply.h"
#include "session.h"
#include "sessions.h"
#include "stream-keep.h"

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
transaction_clear(struct bus *bus, struct transaction *transaction)
{
	bus->flow.work.done += WORK_BYTES(transaction->memory_of_commands.bytes) / 2;
	bus->flow.chunks.released += transaction->memory_of_commands.bytes;
	STAILQ_INIT(&transaction->commands);
	arena_clear(&transaction->memory_of_commands);
	transaction->bytes = 0;
}

void
transaction_end(struct bus *bus, struct session *s)
{
	struct streams *streams = sessions_of(bus)->streams;

	if (!s->in_transaction)
		return;
	if (streams)
		stream_keep_end(streams, &s->client);
	transaction_clear(bus, s->info->transaction);
	place_clear(bus, &s->info->transaction->place);
	free(s->info->transaction);
	s->info->transaction = NULL;
	s->in_transaction = false;
}

void
transaction_fail(struct bus *bus, struct session *s)
{
	s->info->transaction->has_failed = true;
	transaction_clear(bus, s->info->transaction);
}

void
transaction_add(struct bus *bus, struct session *s, const struct command *row, const struct slice *argv, size_t argc)
{
	struct transaction *transaction = s->info->transaction;
	size_t limit = bus->flow.limits.max_message + PROTOCOL_REQUEST_ROOM, bytes = 0, cost;
	struct queued_command *command;
	void *room;

	for (size_t i = 0; i < argc; i++)
		bytes += argv[i].len;
	cost = queued_command_size(argc, bytes);
	bus->flow.work.done += WORK_LOOKUP + argc * WORK_VISIT;
	if (transaction->has_failed) {
		reply_status(bus, s, "QUEUED"); /* like Redis, although it will not run */
		return;
	}
	if (transaction->bytes + cost > limit) {
		transaction_fail(bus, s);
		reply_error(bus, s, "ERR the transaction takes more than %zu bytes (max_message + 1 MiB)", limit);
		return;
	}
	room = arena_alloc(&transaction->memory_of_commands, cost);
	if (!room) {
		transaction_fail(bus, s);
		reply_error(bus, s, "ERR out of memory");
		return;
	}
	command = queued_command_put(room, row, argv, argc);
	bus->flow.work.done += 2 * WORK_BYTES(bytes); /* into new memory */
	STAILQ_INSERT_TAIL(&transaction->commands, command, link);
	transaction->n++;
	transaction->bytes += cost;
	reply_status(bus, s, "QUEUED");
}
