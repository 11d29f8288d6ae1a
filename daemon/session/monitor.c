/*
 * A line of MONITOR is made once and queued to each monitor like a reply. A monitor that does not keep up is
 * disconnected: unlike receivers of messages, it must not hold up those whose commands it watches.
 */
#include "monitor.h"

#include <ctype.h>
#include <string.h>
#include <time.h>

#include "buf.h"
#include "command.h"
#include "human.h"
#include "output.h"
#include "reply.h"
#include "sessions.h"

/*
 * The line shows this much of an argument, in bytes, and this many arguments, but none that begins behind so many bytes
 * of the line; the rest is only counted.
 */
#define SHOWN_BYTES ((size_t)4096)
#define SHOWN_ARGS ((size_t)128)
#define SHOWN_LINE ((size_t)64 * 1024)

int
monitor_join(struct bus *bus, struct session *s)
{
	int r = recvset_add(&sessions_of(bus)->monitors, &s->client);

	output_pin(&bus->flow, &s->client); /* the reply comes before the first line */
	if (r == 0)
		s->is_monitor = true;
	return r;
}

void
monitor_leave(struct bus *bus, struct session *s)
{
	struct recvset *monitors = &sessions_of(bus)->monitors;
	uint32_t i = 0;

	if (!s->is_monitor)
		return;
	while (recvset_array(monitors)[i] != &s->client)
		i++;
	recvset_remove(monitors, i);
	s->is_monitor = false;
}

static int
monitor_put_byte(struct buf *line, uint8_t c)
{
	static const char escaped[] = "\n\r\t\a\b\"\\", names[] = "nrtab\"\\", digits[] = "0123456789abcdef";
	const char *escape = c ? strchr(escaped, c) : NULL;

	if (escape)
		return buf_append(line, (char[]){ '\\', names[escape - escaped] }, 2);
	if (c >= ' ' && c <= '~')
		return buf_append(line, &c, 1);
	return buf_append(line, (char[]){ '\\', 'x', digits[c >> 4], digits[c & 15] }, 4);
}

static int
monitor_put_argument(struct buf *line, struct slice arg)
{
	size_t shown = arg.len < SHOWN_BYTES ? arg.len : SHOWN_BYTES;
	int r = buf_append(line, " \"", 2);

	for (size_t i = 0; r == 0 && i < shown; i++)
		r = monitor_put_byte(line, arg.p[i]);
	if (r == 0)
		r = buf_append(line, "\"", 1);
	if (r == 0 && shown < arg.len)
		r = buf_printf(line, "... (%zu more byte%s)", arg.len - shown, human_s(arg.len - shown));
	return r;
}

/* Whether argument i is the name or the password of AUTH. */
static bool
monitor_is_secret(const struct command *row, const struct slice *argv, size_t i)
{
	if (strcmp(row->name, "auth") == 0)
		return i > 0;
	if (strcmp(row->name, "hello") != 0)
		return false;
	return (i > 2 && slice_is_word(argv[i - 1], "AUTH")) || (i > 3 && slice_is_word(argv[i - 2], "AUTH"));
}

static int
monitor_put_origin(struct buf *line, const struct bus *bus, const struct session *s)
{
	bool is_unix = !s->client.identity.anonymous;
	struct session_address address;
	struct timespec now;

	sessions_describe(bus, s, &address);
	if (is_unix && address.peer[0])
		address.peer[strlen(address.peer) - 2] = '\0'; /* without the ":0" in place of a port */
	clock_gettime(CLOCK_REALTIME, &now);
	return buf_printf(line, "+%lld.%06ld [%d %s%s]", (long long)now.tv_sec, now.tv_nsec / 1000, s->database,
	                  is_unix ? "unix:" : "", address.peer);
}

static int
monitor_put_line(struct buf *line, const struct bus *bus, const struct session *s, const struct command *row,
                 const struct slice *argv, size_t argc)
{
	static const uint8_t redacted[] = "(redacted)";
	int r = monitor_put_origin(line, bus, s);
	size_t i;

	for (i = 0; r == 0 && i < argc && i < SHOWN_ARGS && line->len < SHOWN_LINE; i++)
		r = monitor_put_argument(
		    line, monitor_is_secret(row, argv, i) ? (struct slice){ redacted, sizeof(redacted) - 1 } : argv[i]);
	if (r == 0 && i < argc)
		r = buf_printf(line, " ... (%zu more argument%s)", argc - i, human_s(argc - i));
	return r < 0 ? r : buf_append(line, "\r\n", 2);
}

/* Queues a line: after the reply of the monitor's own EXEC, and before replies that wait for a commit. */
static void
monitor_send(struct bus *bus, struct client *monitor, const struct buf *line)
{
	struct flow *flow = &bus->flow;
	int64_t offset;

	if (!client_is_live(monitor))
		return;
	if (monitor != flow->executing && !outq_is_held(&monitor->out)) {
		reply_raw(bus, session_of(monitor), line->data, line->len);
	} else {
		offset = output_append_unicast(flow, line->data, line->len);
		if (offset < 0)
			flow_out_of_memory(flow, monitor);
		else
			output_deliver_part(flow, monitor, flow->unicast.chunk, (size_t)offset, line->len);
	}
	if (monitor == flow->executing || !monitor->clogged || monitor->state == CLIENT_DEAD)
		return;
	flow_log(flow, monitor, LOG_LEVEL_WARNING, "a monitor that does not keep up, disconnected");
	flow_mark_dead(flow, monitor);
}

void
monitor_show(struct bus *bus, struct session *s, const struct command *row, const struct slice *argv, size_t argc)
{
	const struct recvset *monitors = &sessions_of(bus)->monitors;
	struct flow *flow = &bus->flow;
	struct buf line = { 0 };
	int r;

	if (row->flags & COMMAND_ADMIN)
		return;
	r = monitor_put_line(&line, bus, s, row, argv, argc);
	flow->work.done += WORK_LINE + 10 * line.len + monitors->n * (WORK_VISIT + WORK_BYTES(line.len));
	for (uint32_t i = 0; i < monitors->n; i++) {
		struct client *monitor = recvset_array(monitors)[i];

		if (r < 0)
			flow_out_of_memory(flow, monitor);
		else
			monitor_send(bus, monitor, &line);
	}
	buf_deinit(&line);
}
