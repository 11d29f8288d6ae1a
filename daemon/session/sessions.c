#include "sessions.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>

int
sessions_init(struct sessions *sessions, const struct limits *limits, const struct command *table)
{
	uint8_t id[20];

	*sessions = (struct sessions){ .table = table, .recent.len = SIZE_MAX };
	TAILQ_INIT(&sessions->reloading);
	if (getrandom(id, sizeof(id), 0) != sizeof(id))
		return -errno;
	for (size_t i = 0; i < sizeof(id); i++)
		snprintf(sessions->run_id + 2 * i, 3, "%02x", id[i]);
	sessions->start_time = time(NULL);
	return bus_init(&sessions->bus, limits);
}

void
sessions_deinit(struct sessions *sessions)
{
	assert(sessions->monitors.n == 0);
	sessions_end_pass(sessions);
	recvset_deinit(&sessions->monitors);
	buf_deinit(&sessions->reload_mistakes);
	resp_request_deinit(&sessions->request);
	bus_deinit(&sessions->bus);
}

void
sessions_count_error(struct bus *bus, const char *text)
{
	struct sessions *sessions = sessions_of(bus);
	size_t len = strcspn(text, " ");

	bus->flow.stats.errors++;
	for (size_t i = 0; i < SESSIONS_ERROR_CODES; i++) {
		if (sessions->errors[i].count == 0)
			snprintf(sessions->errors[i].code, sizeof(sessions->errors[i].code), "%.*s", (int)len, text);
		else if (strncmp(sessions->errors[i].code, text, len) != 0 || sessions->errors[i].code[len])
			continue;
		sessions->errors[i].count++;
		return;
	}
}

uint64_t
sessions_count_commands(const struct bus *bus)
{
	uint64_t n = 0;

	for (size_t i = 0; i < COMMAND_ROWS_MAX; i++)
		n += sessions_of_const(bus)->commands[i].calls;
	return n;
}

bool
sessions_is_gone(struct bus *bus, const struct session *s)
{
	bus->flow.work.done += WORK_SYSCALL;
	return s->client.state == CLIENT_DEAD || (sessions_of(bus)->is_gone && sessions_of(bus)->is_gone(s));
}

void
sessions_describe(const struct bus *bus, const struct session *s, struct session_address *ret_address)
{
	*ret_address = (struct session_address){ .fd = -1 };
	if (sessions_of_const(bus)->describe)
		sessions_of_const(bus)->describe(s, ret_address);
}

void
sessions_check_rights(struct bus *bus)
{
	struct client *c;

	TAILQ_FOREACH(c, &bus->flow.clients, link) {
		if (!(c->is_tap || session_of(c)->is_monitor) || bus_is_admin(bus, c))
			continue;
		flow_log(&bus->flow, c, LOG_LEVEL_INFO, "may not monitor any more, disconnected");
		bus_kill(bus, c);
	}
}
