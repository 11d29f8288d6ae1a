/*
 * UDSD BACKUP: a copy of the store beside it, which the client takes away. The copy is made by the storage thread; the
 * client waits on streams.copying, and its command runs again when streams.copies has been counted up.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "handlers.h"
#include "keyspace.h"
#include "reply.h"
#include "streams.h"

/* Whether the copy that was asked for last is still being made. */
static bool
backup_is_running(const struct streams *streams)
{
	return streams->copy_for != 0 && streams->copies < streams->copy_no;
}

static enum command_result
backup_begin(struct bus *bus, struct session *s, struct streams *streams)
{
	int r;

	if (streams->copy_for != 0)
		unlink(streams->copy_path); /* whoever asked for it has not taken it away */
	streams->copy_for = 0;
	snprintf(streams->copy_path, sizeof(streams->copy_path), "%s/backup-%llu.db", streams->directory,
	         (unsigned long long)streams_now_ms(streams));
	r = streams_backup(streams, streams->copy_path);
	if (r < 0) {
		reply_error(bus, s, "ERR the store cannot be copied: %s", strerror(-r));
		return COMMAND_DONE;
	}
	streams->copy_for = s->client.id;
	streams->copy_no = streams->copies + 1;
	return flow_wait(&bus->flow, &s->client, &streams->copying) ? COMMAND_WAIT : COMMAND_DONE;
}

enum command_result
cmd_udsd_backup(struct bus *bus, struct session *s, const struct slice *argv __attribute__((unused)),
                size_t argc __attribute__((unused)))
{
	struct streams *streams = keyspace_require_streams(bus, s);

	if (!streams)
		return COMMAND_DONE;
	bus->flow.work.done += WORK_SYSCALL;
	if (backup_is_running(streams) && streams->copy_for != s->client.id) {
		reply_error(bus, s, "ERR a copy of the store is being made already");
		return COMMAND_DONE;
	}
	if (streams->copy_for != s->client.id)
		return backup_begin(bus, s, streams);
	if (backup_is_running(streams))
		return flow_wait(&bus->flow, &s->client, &streams->copying) ? COMMAND_WAIT : COMMAND_DONE;
	streams->copy_for = 0;
	if (streams->copy_error == 0)
		reply_text(bus, s, streams->copy_path);
	else
		reply_error(bus, s, "ERR the store cannot be copied: %s", strerror(-streams->copy_error));
	return COMMAND_DONE;
}
