/* INFO. What libraries and dashboards read keeps Redis's names. */
#include <malloc.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "buf.h"
#include "handlers.h"
#include "reply.h"
#include "sessions.h"
#include "version.h"

#define U(x) ((unsigned long long)(x))

static int
put_server(struct buf *out, const struct bus *bus)
{
	uint64_t uptime = (bus->flow.now_ms - bus->flow.start_ms) / 1000;
	struct utsname uts;

	uname(&uts);
	return buf_printf(out,
	                  "redis_version:" PROTOCOL_REDIS_VERSION "\r\n"
	                  "udsd_version:" UDSD_VERSION "\r\n"
	                  "redis_mode:standalone\r\n"
	                  "os:%s %s %s\r\n"
	                  "arch_bits:%d\r\n"
	                  "multiplexing_api:libevent\r\n"
	                  "process_id:%d\r\n"
	                  "run_id:%s\r\n"
	                  "tcp_port:0\r\n"
	                  "uptime_in_seconds:%llu\r\n"
	                  "uptime_in_days:%llu\r\n"
	                  "config_file:%s\r\n",
	                  uts.sysname, uts.release, uts.machine, (int)sizeof(long) * 8, (int)getpid(),
	                  sessions_of_const(bus)->run_id, U(uptime), U(uptime / 86400),
	                  sessions_of_const(bus)->config_path ? sessions_of_const(bus)->config_path : "");
}

static int
put_clients(struct buf *out, const struct bus *bus)
{
	const struct client *c;
	uint64_t subscribed = 0, unsent = 0;

	TAILQ_FOREACH(c, &bus->flow.clients, link) {
		subscribed += client_is_subscribed(c);
		unsent += c->out.bytes;
	}
	return buf_printf(out,
	                  "connected_clients:%llu\r\n"
	                  "maxclients:%llu\r\n"
	                  "blocked_clients:%llu\r\n"
	                  "pubsub_clients:%llu\r\n"
	                  "monitor_clients:%llu\r\n"
	                  "clogged_clients:%llu\r\n"
	                  "unsent_bytes:%llu\r\n",
	                  U(bus->flow.stats.clients), U(bus->flow.limits.max_clients), U(bus->flow.n_waiting),
	                  U(subscribed), U(sessions_of_const(bus)->monitors.n + bus->taps.n), U(bus->flow.n_clogged),
	                  U(unsent));
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

/* "1.50M", as Redis writes sizes for people. */
static int
put_size(struct buf *out, const char *name, uint64_t bytes)
{
	static const char units[] = "KMGT";
	double size = (double)bytes;
	size_t i = 0;

	if (bytes < 1024)
		return buf_printf(out, "%s:%lluB\r\n", name, U(bytes));
	for (size /= 1024; size >= 1024 && units[i + 1]; i++)
		size /= 1024;
	return buf_printf(out, "%s:%.2f%c\r\n", name, size, units[i]);
}

static int
put_memory(struct buf *out, const struct bus *bus)
{
	struct mallinfo2 heap = mallinfo2();
	uint64_t used = heap.uordblks + heap.hblkhd, resident = resident_bytes();
	struct rusage usage;
	int r;

	getrusage(RUSAGE_SELF, &usage);
	r = buf_printf(out, "used_memory:%llu\r\n", U(used));
	if (r == 0)
		r = put_size(out, "used_memory_human", used);
	if (r == 0)
		r = buf_printf(out, "used_memory_rss:%llu\r\n", U(resident));
	if (r == 0)
		r = put_size(out, "used_memory_rss_human", resident);
	if (r == 0)
		r = buf_printf(out, "used_memory_peak:%llu\r\n", U(usage.ru_maxrss) * 1024);
	if (r == 0)
		r = put_size(out, "used_memory_peak_human", (uint64_t)usage.ru_maxrss * 1024);
	if (r < 0)
		return r;
	return buf_printf(out,
	                  "maxmemory:0\r\n"
	                  "maxmemory_policy:noeviction\r\n"
	                  "mem_fragmentation_ratio:%.2f\r\n"
	                  "chunk_bytes:%llu\r\n",
	                  used > 0 ? (double)resident / (double)used : 1.0, U(bus->flow.chunks.bytes));
}

/* Read by libraries that wait until a server is ready. */
static int
put_persistence(struct buf *out, const struct bus *bus __attribute__((unused)))
{
	return buf_printf(out, "loading:0\r\n");
}

static int
put_stats(struct buf *out, const struct bus *bus)
{
	const struct stats *stats = &bus->flow.stats;
	const struct router *router = &bus->router;

	return buf_printf(
	    out,
	    "total_connections_received:%llu\r\n"
	    "total_commands_processed:%llu\r\n"
	    "total_net_input_bytes:%llu\r\n"
	    "total_net_output_bytes:%llu\r\n"
	    "rejected_connections:%llu\r\n"
	    "pubsub_channels:%llu\r\n"
	    "pubsub_patterns:%llu\r\n"
	    "pubsubshard_channels:%llu\r\n"
	    "total_error_replies:%llu\r\n"
	    "messages_published:%llu\r\n"
	    "messages_queued:%llu\r\n"
	    "messages_undelivered:%llu\r\n"
	    "messages_undelivered_slow:%llu\r\n"
	    "messages_dropped:%llu\r\n"
	    "messages_refused:%llu\r\n"
	    "slow_receivers_closed:%llu\r\n"
	    "commands_waited:%llu\r\n"
	    "acl_access_denied_cmd:%llu\r\n"
	    "acl_access_denied_channel:%llu\r\n",
	    U(stats->clients_accepted), U(sessions_count_commands(bus)), U(stats->bytes_in), U(stats->bytes_out),
	    U(stats->clients_refused),
	    U(router->channels.table.n - router->channels.n_unnamed - router->n_shards - router->n_reserved),
	    U(router->channels.patterns.by_text.n), U(router->n_shards), U(stats->errors), U(stats->messages),
	    U(stats->deliveries), U(stats->undelivered), U(stats->undelivered_slow), U(stats->dropped),
	    U(stats->refused), U(stats->slow_receivers), U(stats->waits), U(stats->denied_commands),
	    U(stats->denied_channels));
}

static int
put_replication(struct buf *out, const struct bus *bus __attribute__((unused)))
{
	return buf_printf(out, "role:master\r\nconnected_slaves:0\r\n");
}

static int
put_cpu(struct buf *out, const struct bus *bus __attribute__((unused)))
{
	struct rusage usage;

	getrusage(RUSAGE_SELF, &usage);
	return buf_printf(out, "used_cpu_sys:%lld.%06ld\r\nused_cpu_user:%lld.%06ld\r\n",
	                  (long long)usage.ru_stime.tv_sec, usage.ru_stime.tv_usec, (long long)usage.ru_utime.tv_sec,
	                  usage.ru_utime.tv_usec);
}

/* Times are those of the calls that were timed, for all. */
static int
put_commandstats(struct buf *out, const struct bus *bus)
{
	const struct command *table = sessions_of_const(bus)->table;
	int r = 0;

	for (size_t i = 0; r == 0 && table[i].name; i++) {
		const struct command_stats *stats = &sessions_of_const(bus)->commands[i];
		double per_call = stats->timed > 0 ? (double)stats->nanoseconds / (double)stats->timed / 1000 : 0;

		if (stats->calls > 0 || stats->rejected > 0)
			r = buf_printf(out,
			               "cmdstat_%s:calls=%llu,usec=%.0f,usec_per_call=%.2f,rejected_calls=%llu,"
			               "failed_calls=%llu\r\n",
			               table[i].name, U(stats->calls), per_call * (double)stats->calls, per_call,
			               U(stats->rejected), U(stats->failed));
	}
	return r;
}

static int
put_errorstats(struct buf *out, const struct bus *bus)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < SESSIONS_ERROR_CODES && sessions_of_const(bus)->errors[i].count > 0; i++)
		r = buf_printf(out, "errorstat_%s:count=%llu\r\n", sessions_of_const(bus)->errors[i].code,
		               U(sessions_of_const(bus)->errors[i].count));
	return r;
}

static int
put_cluster(struct buf *out, const struct bus *bus __attribute__((unused)))
{
	return buf_printf(out, "cluster_enabled:0\r\n");
}

static int
put_keyspace(struct buf *out __attribute__((unused)), const struct bus *bus __attribute__((unused)))
{
	return 0;
}

/* In Redis's order. */
static const struct {
	const char *name, *title;
	int (*put)(struct buf *out, const struct bus *bus);
	bool on_demand; /* not among the default sections */
} sections[] = {
	{ "server", "Server", put_server, false },
	{ "clients", "Clients", put_clients, false },
	{ "memory", "Memory", put_memory, false },
	{ "persistence", "Persistence", put_persistence, false },
	{ "stats", "Stats", put_stats, false },
	{ "replication", "Replication", put_replication, false },
	{ "cpu", "CPU", put_cpu, false },
	{ "commandstats", "Commandstats", put_commandstats, true },
	{ "errorstats", "Errorstats", put_errorstats, false },
	{ "cluster", "Cluster", put_cluster, false },
	{ "keyspace", "Keyspace", put_keyspace, false },
};

static bool
is_wanted(size_t section, const struct slice *argv, size_t argc)
{
	bool by_default = !sections[section].on_demand;

	for (size_t i = 1; i < argc; i++)
		if (slice_is_word(argv[i], sections[section].name) || slice_is_word(argv[i], "all") ||
		    slice_is_word(argv[i], "everything") || (by_default && slice_is_word(argv[i], "default")))
			return true;
	return argc == 1 && by_default;
}

enum command_result
cmd_info(struct bus *bus, struct session *s, const struct slice *argv, size_t argc)
{
	struct buf out = { 0 };
	int r = 0;

	for (size_t i = 0; r == 0 && i < sizeof(sections) / sizeof(sections[0]); i++) {
		if (!is_wanted(i, argv, argc))
			continue;
		r = buf_printf(&out, "%s# %s\r\n", out.len > 0 ? "\r\n" : "", sections[i].title);
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
