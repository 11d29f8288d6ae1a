/*
 * INFO. Figures that libraries and dashboards read have Redis's names. A section is a table of names and values, or a
 * function that prints it.
 */
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "buf.h"
#include "handlers.h"
#include "human.h"
#include "reply.h"
#include "sessions.h"
#include "streams.h"
#include "version.h"

/* Upper bound of the sections that one INFO names. */
#define ARGUMENTS_MAX 64

/* Work that one section costs; and the one for which a file in /proc is read. */
#define INFO_WORK (2 * WORK_LINE)
#define INFO_MEMORY_WORK (10 * WORK_SYSCALL)

#define U(x) ((unsigned long long)(x))

struct info_figure {
	const char *name;
	uint64_t value;
};

static int
info_put_figures(struct buf *out, const struct info_figure *figures, size_t n)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < n; i++)
		r = buf_printf(out, "%s:%llu\r\n", figures[i].name, U(figures[i].value));
	return r;
}

#define INFO_PUT_FIGURES(out, figures) info_put_figures((out), (figures), sizeof(figures) / sizeof((figures)[0]))

static int
info_put_server(struct buf *out, const struct bus *bus)
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
info_put_clients(struct buf *out, const struct bus *bus)
{
	const struct flow *flow = &bus->flow;
	const struct info_figure figures[] = {
		{ "connected_clients", flow->stats.clients },
		{ "maxclients", flow->limits.max_clients },
		{ "blocked_clients", flow->n_waiting },
		{ "pubsub_clients", flow->n_subscribed },
		{ "pubsub_replays", bus->replays.table.n },
		{ "monitor_clients", sessions_of_const(bus)->monitors.n + bus->taps.n },
		{ "clogged_clients", flow->n_clogged },
		{ "unsent_bytes", flow->users.queued },
	};
	return INFO_PUT_FIGURES(out, figures);
}

/* Memory of the process that is in RAM: all of it; without the pages of files, such as the program's own. */
static uint64_t
info_resident_bytes(uint64_t *ret_anonymous)
{
	unsigned long long total, resident = 0, shared = 0;
	FILE *f = fopen("/proc/self/statm", "re");

	*ret_anonymous = 0;
	if (!f)
		return 0;
	if (fscanf(f, "%llu %llu %llu", &total, &resident, &shared) != 3)
		resident = shared = 0;
	fclose(f);
	*ret_anonymous = (resident - shared) * (uint64_t)sysconf(_SC_PAGESIZE);
	return resident * (uint64_t)sysconf(_SC_PAGESIZE);
}

/* "NAME:1572864" and "NAME_human:1.50M", as Redis writes sizes for people. */
static int
info_put_size(struct buf *out, const char *name, uint64_t bytes)
{
	return buf_printf(out, "%s:%llu\r\n%s_human:%s\r\n", name, U(bytes), name, human_size_fixed(bytes).text);
}

/* What the heap takes for a piece of memory beside its bytes, and for a pointer to it in a table. */
#define INFO_HEAP_EXTRA 24

/*
 * All memory that clients have taken, by the account that the limits use: output, input, what was missed, channels,
 * patterns, subscriptions, connections.
 */
static uint64_t
info_accounted_bytes(const struct bus *bus)
{
	const struct flow *flow = &bus->flow;
	const struct channels *channels = &bus->subscriptions.channels;
	uint64_t n_subscriptions = bus->subscriptions.table.n;

	return flow->chunks.bytes + flow->users.input + flow->users.missed + channels->bytes +
	       channels->routing.match_bytes +
	       (channels->table.n + channels->routing.patterns.by_text.n) * INFO_HEAP_EXTRA +
	       n_subscriptions * (sizeof(struct subscription) + 2 * INFO_HEAP_EXTRA) +
	       flow->stats.clients * (2 * sizeof(struct session) + INFO_HEAP_EXTRA);
}

static int
info_put_memory(struct buf *out, const struct bus *bus)
{
	uint64_t used, resident = info_resident_bytes(&used);
	struct rusage usage;
	int r;

	getrusage(RUSAGE_SELF, &usage);
	r = info_put_size(out, "used_memory", used);
	if (r == 0)
		r = info_put_size(out, "used_memory_rss", resident);
	if (r == 0)
		r = info_put_size(out, "used_memory_peak", (uint64_t)usage.ru_maxrss * 1024);
	if (r < 0)
		return r;
	return buf_printf(out,
	                  "maxmemory:0\r\n"
	                  "maxmemory_policy:noeviction\r\n"
	                  "mem_fragmentation_ratio:%.2f\r\n"
	                  "chunk_bytes:%llu\r\n"
	                  "accounted_bytes:%llu\r\n",
	                  used > 0 ? (double)resident / (double)used : 1.0, U(bus->flow.chunks.bytes),
	                  U(info_accounted_bytes(bus)));
}

static int
info_put_stats(struct buf *out, const struct bus *bus)
{
	const struct stats *stats = &bus->flow.stats;
	const struct subscriptions *subscriptions = &bus->subscriptions;
	const struct channels *channels = &subscriptions->channels;
	const struct info_figure figures[] = {
		{ "total_connections_received", stats->clients_accepted },
		{ "total_commands_processed", sessions_count_commands(bus) },
		{ "total_net_input_bytes", stats->bytes_in },
		{ "total_net_output_bytes", stats->bytes_out },
		{ "rejected_connections", stats->clients_refused },
		{ "pubsub_channels",
		  channels->table.n - channels->n_unnamed - subscriptions->n_shards - subscriptions->n_reserved },
		{ "pubsub_patterns", channels->routing.patterns.by_text.n },
		{ "pubsubshard_channels", subscriptions->n_shards },
		{ "total_error_replies", stats->errors },
		{ "messages_published", stats->messages },
		{ "messages_unreceived", stats->unreceived },
		{ "messages_queued", stats->deliveries },
		{ "messages_undelivered", stats->undelivered },
		{ "messages_undelivered_slow", stats->undelivered_slow },
		{ "messages_dropped", stats->dropped },
		{ "messages_refused", stats->refused },
		{ "messages_stored", stats->stored },
		{ "messages_replayed", stats->replayed },
		{ "messages_overtaken", stats->overtaken },
		{ "slow_receivers_closed", stats->slow_receivers },
		{ "commands_waited", stats->waits },
		{ "work_total", bus->flow.work.done },
		{ "pass_work_max", bus->flow.work.max },
		{ "pass_work_limit", WORK_LIMIT },
		{ "acl_access_denied_cmd", stats->denied_commands },
		{ "acl_access_denied_channel", stats->denied_channels },
	};

	return INFO_PUT_FIGURES(out, figures);
}

static int
info_put_cpu(struct buf *out, const struct bus *bus)
{
	struct rusage usage;

	getrusage(RUSAGE_SELF, &usage);
	return buf_printf(out, "used_cpu_sys:%lld.%06ld\r\nused_cpu_user:%lld.%06ld\r\n",
	                  (long long)usage.ru_stime.tv_sec, usage.ru_stime.tv_usec, (long long)usage.ru_utime.tv_sec,
	                  usage.ru_utime.tv_usec);
}

/* Only some calls are timed; their mean time stands for all. */
static int
info_put_commandstats(struct buf *out, const struct bus *bus)
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
info_put_errorstats(struct buf *out, const struct bus *bus)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < SESSIONS_ERROR_CODES && sessions_of_const(bus)->errors[i].count > 0; i++)
		r = buf_printf(out, "errorstat_%s:count=%llu\r\n", sessions_of_const(bus)->errors[i].code,
		               U(sessions_of_const(bus)->errors[i].count));
	return r;
}

static int
info_put_services(struct buf *out, const struct bus *bus)
{
	const struct services *services = &bus->services;
	const struct info_figure figures[] = {
		{ "services", services->table.n },
		{ "service_workers", services->n_workings },
		{ "service_workers_idle", services->n_parked },
		{ "service_requests_waiting", services->n_waiting },
		{ "service_requests_running", services->n_running },
		{ "service_requests", services->calls },
		{ "service_requests_answered", services->answered },
		{ "service_requests_failed", services->failed },
		{ "service_requests_gone", services->gone },
		{ "service_requests_timed_out", services->timed_out },
		{ "service_requests_cancelled", services->cancelled },
		{ "service_requests_repeated", services->retried },
		{ "service_requests_unserved", services->unserved },
		{ "service_requests_refused", services->refused },
	};

	return INFO_PUT_FIGURES(out, figures);
}

static int
info_put_streams(struct buf *out, const struct bus *bus)
{
	static const char *const states[] = {
		[STORAGE_OK] = "ok",
		[STORAGE_SCARCE] = "scarce",
		[STORAGE_FULL] = "full",
		[STORAGE_DEAD] = "failed",
	};
	const struct streams *streams = sessions_of_const(bus)->streams;
	struct storage_figures disk;

	if (!streams)
		return buf_printf(out, "store_state:off\r\n");
	storage_get_figures(streams->storage, &disk);
	const struct info_figure figures[] = {
		{ "streams", streams->table.n },
		{ "stream_entries", streams->entries },
		{ "stream_bytes", streams->bytes },
		{ "stream_readers_blocked", streams->n_blocked },
		{ "stream_entries_added", streams->added },
		{ "stream_entries_read", streams->read },
		{ "stream_entries_acknowledged", streams->acknowledged },
		{ "stream_entries_claimed", streams->claimed },
		{ "stream_entries_released", streams->released },
		{ "stream_entries_dead", streams->dead },
		{ "stream_entries_later", streams->n_later },
		{ "stream_entries_came_due", streams->came_due },
		{ "stream_entries_trimmed", streams->trimmed },
		{ "stream_entries_trimmed_unacked", streams->trimmed_needed },
		{ "stream_entries_refused", streams->refused_full },
		{ "store_bytes", disk.bytes },
		{ "store_used_bytes", disk.used_bytes },
		{ "store_free_bytes", disk.free_bytes },
		{ "store_commits", disk.commits },
		{ "store_commits_failed", disk.failed_commits },
		{ "store_commit_usec", disk.commit_us_total },
		{ "store_commit_usec_last", disk.commit_us_last },
		{ "store_commit_usec_max", disk.commit_us_max },
		{ "store_fetches", disk.fetches },
		{ "store_cpu_usec", disk.cpu_us },
	};
	int r = buf_printf(out, "store_state:%s\r\n", states[storage_state(streams->storage)]);

	return r < 0 ? r : INFO_PUT_FIGURES(out, figures);
}

static int
info_put_keyspace(struct buf *out, const struct bus *bus)
{
	const struct streams *streams = sessions_of_const(bus)->streams;

	if (!streams || streams->table.n == 0)
		return 0;
	return buf_printf(out, "db0:keys=%zu,expires=%zu,avg_ttl=0\r\n", streams->table.n, streams->expiring.n);
}

/* In Redis's order. */
static const struct {
	const char *title, *text;
	int (*put)(struct buf *out, const struct bus *bus); /* NULL: the section is always text */
	bool on_demand;                                     /* not among the default sections */
	uint64_t work;                                      /* beside INFO_WORK */
} sections[] = {
	{ .title = "Server", .put = info_put_server },
	{ .title = "Clients", .put = info_put_clients },
	{ .title = "Memory", .put = info_put_memory, .work = INFO_MEMORY_WORK },
	{ .title = "Persistence", .text = "loading:0\r\n" }, /* libraries wait for it until a server is ready */
	{ .title = "Services", .put = info_put_services },
	{ .title = "Streams", .put = info_put_streams },
	{ .title = "Stats", .put = info_put_stats },
	{ .title = "Replication", .text = "role:master\r\nconnected_slaves:0\r\n" },
	{ .title = "CPU", .put = info_put_cpu },
	{ .title = "Commandstats", .put = info_put_commandstats, .on_demand = true },
	{ .title = "Errorstats", .put = info_put_errorstats },
	{ .title = "Cluster", .text = "cluster_enabled:0\r\n" },
	{ .title = "Keyspace", .put = info_put_keyspace },
};

static bool
info_wants(size_t section, const struct slice *argv, size_t argc)
{
	bool by_default = !sections[section].on_demand;

	for (size_t i = 1; i < argc; i++)
		if (slice_is_word(argv[i], sections[section].title) || slice_is_word(argv[i], "all") ||
		    slice_is_word(argv[i], "everything") || (by_default && slice_is_word(argv[i], "default")))
			return true;
	return argc == 1 && by_default;
}

enum command_result
cmd_info(struct bus *bus, struct session *s, const struct slice *argv, size_t argc)
{
	struct buf out = { 0 };
	int r = 0;

	if (argc > 1 + ARGUMENTS_MAX) {
		reply_error(bus, s, "ERR more than %d sections", ARGUMENTS_MAX);
		return COMMAND_DONE;
	}
	for (size_t i = 0; r == 0 && i < sizeof(sections) / sizeof(sections[0]); i++) {
		if (!info_wants(i, argv, argc))
			continue;
		r = buf_printf(&out, "%s# %s\r\n%s", out.len > 0 ? "\r\n" : "", sections[i].title,
		               sections[i].text ? sections[i].text : "");
		bus->flow.work.done += sections[i].put ? INFO_WORK + sections[i].work : 0;
		if (r == 0 && sections[i].put)
			r = sections[i].put(&out, bus);
	}
	if (r < 0)
		reply_error(bus, s, "ERR out of memory");
	else
		reply_verbatim(bus, s, (struct slice){ out.data, out.len });
	buf_deinit(&out);
	return COMMAND_DONE;
}
