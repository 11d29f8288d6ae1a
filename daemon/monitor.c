#include "monitor.h"

#include <ctype.h>
#include <string.h>
#include <time.h>

#include "buf.h"
#include "bus.h"
#include "command.h"
#include "log.h"
#include "reply.h"
#include "run.h"
#include "session.h"

/* More of an argument, in bytes, and more arguments are only counted in the line. */
#define SHOWN_BYTES ((size_t)4096)
#define SHOWN_ARGS ((size_t)128)

int
monitor_join(struct bus *bus, struct session *s)
{
	int r = recvset_add(&bus->monitors, s);

	if (r == 0)
		s->is_monitor = true;
	return r;
}

void
monitor_leave(struct bus *bus, struct session *s)
{
	uint32_t i = 0;

	if (!s->is_monitor)
		return;
	while (recvset_array(&bus->monitors)[i] != s)
		i++;
	recvset_remove(&bus->monitors, i);
	s->is_monitor = false;
}

void
monitor_check_rights(struct bus *bus)
{
	for (uint32_t i = 0; i < bus->monitors.n; i++) {
		struct session *s = recvset_array(&bus->monitors)[i];

		if (session_is_admin(s, bus))
			continue;
		session_log(s, bus, LOG_LEVEL_INFO, "may not monitor any more, disconnected");
		session_kill(s, bus);
	}
}

static int
put_byte(struct buf *line, uint8_t c)
{
	static const char escaped[] = "\n\r\t\a\b", names[] = "nrtab";
	const char *escape = c ? strchr(escaped, c) : NULL;

	if (c == '"' || c == '\\')
		return buf_printf(line, "\\%c", c);
	if (escape)
		return buf_printf(line, "\\%c", names[escape - escaped]);
	if (c >= ' ' && c <= '~')
		return buf_append(line, &c, 1);
	return buf_printf(line, "\\x%02x", c);
}

static int
put_argument(struct buf *line, struct slice arg)
{
	size_t shown = arg.len < SHOWN_BYTES ? arg.len : SHOWN_BYTES;
	int r = buf_append(line, " \"", 2);

	for (size_t i = 0; r == 0 && i < shown; i++)
		r = put_byte(line, arg.p[i]);
	if (r == 0)
		r = buf_append(line, "\"", 1);
	if (r == 0 && shown < arg.len)
		r = buf_printf(line, "... (%zu more bytes)", arg.len - shown);
	return r;
}

/* Whether argument i is a user's name or a password. */
static bool
is_secret(const struct command *row, const struct slice *argv, size_t i)
{
	if (strcmp(row->name, "auth") == 0)
		return i > 0;
	if (strcmp(row->name, "hello") != 0)
		return false;
	return (i > 2 && command_is_word(argv[i - 1], "AUTH")) || (i > 3 && command_is_word(argv[i - 2], "AUTH"));
}

static int
put_origin(struct buf *line, const struct bus *bus, const struct session *s)
{
	struct bus_address address = { .fd = -1 };
	struct timespec now;

	if (bus->describe)
		bus->describe(s, &address);
	clock_gettime(CLOCK_REALTIME, &now);
	if (s->identity.anonymous)
		return buf_printf(line, "+%lld.%06ld [0 %s]", (long long)now.tv_sec, now.tv_nsec / 1000, address.peer);
	if (address.peer[0]) /* the ":0" stands for a port */
		address.peer[strlen(address.peer) - 2] = '\0';
	return buf_printf(line, "+%lld.%06ld [0 unix:%s]", (long long)now.tv_sec, now.tv_nsec / 1000, address.peer);
}

static int
put_line(struct buf *line, const struct bus *bus, const struct session *s, const struct command *row,
         const struct slice *argv, size_t argc)
{
	static const uint8_t redacted[] = "(redacted)";
	size_t shown = argc < SHOWN_ARGS ? argc : SHOWN_ARGS;
	int r = put_origin(line, bus, s);

	for (size_t i = 0; r == 0 && i < shown; i++)
		r = put_argument(line,
		                 is_secret(row, argv, i) ? (struct slice){ redacted, sizeof(redacted) - 1 } : argv[i]);
	if (r == 0 && shown < argc)
		r = buf_printf(line, " ... (%zu more arguments)", argc - shown);
	return r < 0 ? r : buf_append(line, "\r\n", 2);
}

void
monitor_show(struct bus *bus, struct session *s, const struct command *row, const struct slice *argv, size_t argc)
{
	struct buf line = { 0 };
	int r;

	if (row->flags & COMMAND_ADMIN)
		return;
	r = put_line(&line, bus, s, row, argv, argc);
	for (uint32_t i = 0; i < bus->monitors.n; i++) {
		struct session *monitor = recvset_array(&bus->monitors)[i];

		if (r < 0) {
			session_out_of_memory(monitor, bus);
			continue;
		}
		if (monitor == bus->executing) {
			run_defer(bus, line.data, line.len);
			continue;
		}
		reply_raw(bus, monitor, line.data, line.len);
		if (!monitor->clogged || monitor->state == SESSION_DEAD)
			continue;
		session_log(monitor, bus, LOG_LEVEL_WARNING, "a monitor that does not keep up, disconnected");
		session_mark_dead(monitor, bus);
	}
	buf_deinit(&line);
}
