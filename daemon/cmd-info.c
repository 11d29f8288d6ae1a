/* INFO. What libraries and dashboards read keeps Redis's names. */
#include <stdio.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "buf.h"
#include "bus.h"
#include "command-list.h"
#include "reply.h"
#include "session.h"
#include "version.h"

#define U(x) ((unsigned long long)(x))

static int
put_server(struct buf *out, const struct bus *bus)
{
	struct utsname uts;

	uname(&uts);
	return buf_printf(out,
	                  "# Server\r\n"
	                  "redis_version:" PROTOCOL_REDIS_VERSION "\r\n"
	                  "udsd_version:" UDSD_VERSION "\r\n"
	                  "redis_mode:standalone\r\n"
	                  "os:%s %s %s\r\n"
	                  "arch_bits:%d\r\n"
	                  "process_id:%d\r\n"
	                  "uptime_in_seconds:%llu\r\n",
	                  uts.sysname, uts.release, uts.machine, (int)sizeof(long) * 8, (int)getpid(),
	                  U((bus->now_ms - bus->start_ms) / 1000));
}

static int
put_clients(struct buf *out, const struct bus *bus)
{
	return buf_printf(out,
	                  "# Clients\r\n"
	                  "connected_clients:%llu\r\n"
	                  "maxclients:%llu\r\n"
	                  "clogged_clients:%llu\r\n",
	                  U(bus->stats.clients), U(bus->limits.max_clients), U(bus->n_clogged));
}

static uint64_t
resident_bytes(void)
{
	unsigned long long total, resident = 0;
	FILE *f = fopen("/proc/self/statm", "re");

	if (!f)
		return 0;
	if (fscanf(f, "%llu %llu", &total, &resident) != 2)
		resident = 0;
	fclose(f);
	return resident * (uint64_t)sysconf(_SC_PAGESIZE);
}

static int
put_memory(struct buf *out, const struct bus *bus)
{
	return buf_printf(out,
	                  "# Memory\r\n"
	                  "used_memory_rss:%llu\r\n"
	                  "chunk_bytes:%llu\r\n",
	                  U(resident_bytes()), U(bus->chunks.bytes));
}

/* Read by libraries that wait until a server is ready. */
static int
put_persistence(struct buf *out, const struct bus *bus __attribute__((unused)))
{
	return buf_printf(out, "# Persistence\r\nloading:0\r\n");
}

static int
put_stats(struct buf *out, const struct bus *bus)
{
	const struct stats *stats = &bus->stats;

	return buf_printf(out,
	                  "# Stats\r\n"
	                  "total_connections_received:%llu\r\n"
	                  "rejected_connections:%llu\r\n"
	                  "total_commands_processed:%llu\r\n"
	                  "total_error_replies:%llu\r\n"
	                  "total_net_input_bytes:%llu\r\n"
	                  "total_net_output_bytes:%llu\r\n"
	                  "pubsub_channels:%llu\r\n"
	                  "pubsub_patterns:%llu\r\n"
	                  "messages_published:%llu\r\n"
	                  "messages_queued:%llu\r\n"
	                  "messages_undelivered:%llu\r\n"
	                  "slow_receivers_closed:%llu\r\n"
	                  "commands_waited:%llu\r\n",
	                  U(stats->clients_accepted), U(stats->clients_refused), U(stats->commands), U(stats->errors),
	                  U(stats->bytes_in), U(stats->bytes_out), U(bus->router.channels.n - bus->router.n_unnamed),
	                  U(bus->router.patterns.by_text.n), U(stats->messages), U(stats->deliveries),
	                  U(stats->undelivered), U(stats->slow_receivers), U(stats->waits));
}

static int
put_replication(struct buf *out, const struct bus *bus __attribute__((unused)))
{
	return buf_printf(out, "# Replication\r\nrole:master\r\nconnected_slaves:0\r\n");
}

static const struct {
	const char *name;
	int (*put)(struct buf *out, const struct bus *bus);
} sections[] = {
	{ "server", put_server },           { "clients", put_clients }, { "memory", put_memory },
	{ "persistence", put_persistence }, { "stats", put_stats },     { "replication", put_replication },
};

static bool
is_wanted(const char *section, const struct slice *argv, size_t argc)
{
	for (size_t i = 1; i < argc; i++)
		if (command_is_word(argv[i], section) || command_is_word(argv[i], "all") ||
		    command_is_word(argv[i], "default") || command_is_word(argv[i], "everything"))
			return true;
	return argc == 1;
}

enum command_result
cmd_info(struct bus *bus, struct session *s, const struct slice *argv, size_t argc)
{
	struct buf out = { 0 };
	int r = 0;

	for (size_t i = 0; r == 0 && i < sizeof(sections) / sizeof(sections[0]); i++) {
		if (!is_wanted(sections[i].name, argv, argc))
			continue;
		if (out.len > 0)
			r = buf_append(&out, "\r\n", 2);
		if (r == 0)
			r = sections[i].put(&out, bus);
	}
	if (r < 0)
		reply_error(bus, s, "ERR out of memory");
	else
		reply_verbatim(bus, s, (struct slice){ out.data, out.len });
	buf_deinit(&out);
	return COMMAND_DONE;
}
