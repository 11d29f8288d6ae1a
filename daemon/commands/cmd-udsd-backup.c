/*
 * UDSD BACKUP: a copy of the store beside it, which the client takes away. The copy is made by the storage thread; the
 * client waits on streams.copying, and its command runs again when streams.copies has been counted up.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "handlers.h"
#include "keyspace.h"
#include "reply.h"
#include "streams.h"

/* What it costs to wake the thread, to stop listening to the client, and to be woken, with cold caches each time. */
#define BACKUP_WORK (40 * WORK_SYSCALL)

/* Whether nobody will take away what was copied last: who asked for it is gone, was not answered, or asks again. */
static bool
backup_is_forgotten(struct bus *bus, const struct session *s, const struct streams *streams)
{
	const struct client *c;

	if (streams->copy_for == 0)
		return false;
	if (!streams->copy_is_answered || streams->copy_for == s->client.id)
		return true;
	TAILQ_FOREACH(c, &bus->flow.clients, link) {
		bus->flow.work.done += WORK_VISIT;
		if (c->id == streams->copy_for)
			return !client_is_live(c);
	}
	return true;
}

/* Whether the copy that was asked for last is still being made. */
static bool
backup_is_running(const struct streams *streams)
{
	return streams->copy_for != 0 && streams->copies < streams->copy_no;
}

static enum command_result
backup_begin(struct bus *bus, struct session *s, struct streams *streams)
{
	char path[sizeof(streams->copy_path)];
	uint64_t name = streams_now_ms(streams);
	int r;

	do /* never the name of the one before, which its client may still know */
		snprintf(path, sizeof(path), "%s/backup-%llu.db", streams->directory, (unsigned long long)name++);
	while (strcmp(path, streams->copy_path) == 0);
	bus->flow.work.done += BACKUP_WORK;
	r = streams_backup(streams, path, backup_is_forgotten(bus, s, streams) ? streams->copy_path : NULL);
	if (r < 0) {
		reply_error(bus, s, "ERR the store cannot be copied: %s", strerror(-r));
		return COMMAND_DONE;
	}
	memcpy(streams->copy_path, path, sizeof(path));
	streams->copy_for = s->client.id;
	streams->copy_is_answered = false;
	streams->copy_no = streams->copies + 1;
	return flow_wait(&bus->flow, &s->client, &streams->copying) ? COMMAND_WAIT : COMMAND_DONE;
}

enum command_result
cmd_udsd_backup(struct bus *bus, struct session *s, const struct slice *argv __attribute__((unused)),
                size_t argc __attribute__((unused)))
{
	struct streams *streams = keyspace_require_streams(bus, s);
	bool is_mine;

	if (!streams)
		return COMMAND_DONE;
	bus->flow.work.done += WORK_SYSCALL;
	is_mine = streams->copy_for == s->client.id && !streams->copy_is_answered;
	if (backup_is_running(streams) && !is_mine) {
		reply_error(bus, s, "ERR a copy of the store is being made already");
		return COMMAND_DONE;
	}
	if (!is_mine)
		return backup_begin(bus, s, streams);
	if (backup_is_running(streams))
		return flow_wait(&bus->flow, &s->client, &streams->copying) ? COMMAND_WAIT : COMMAND_DONE;
	streams->copy_is_answered = true;
	if (streams->copy_error == 0)
		reply_text(bus, s, streams->copy_path);
	else
		reply_error(bus, s, "ERR the store cannot be copied: %s", strerror(-streams->copy_error));
	return COMMAND_DONE;
}
