/* A snapshot in a few lines, and what needs attention in it. */
#include <string.h>

#include "client.h"
#include "human.h"
#include "top.h"

static double
report_value(const struct top *t, const char *field)
{
	return stats_value(&t->now.info, field);
}

/* "-" while there are no rates. */
static struct human_text
report_rate(const struct top *t, const char *field, bool is_bytes)
{
	double rate = stats_value(&t->now.rates, field);

	if (!t->now.has_rates)
		return (struct human_text){ "-" };
	return is_bytes ? human_size((uint64_t)rate) : human_count(rate);
}

void
report_put_title(struct top *t)
{
	const char *name = client_name(t->fetch.client);

	if (t->now.taken_at == 0)
		TOP_PUT(t, "udsd  %s", name);
	else
		TOP_PUT(t, "udsd %s  %s  up %s", t->now.info.version, name,
		        human_age((uint64_t)report_value(t, "uptime_in_seconds")).text);
}

void
report_put_traffic(struct top *t)
{
	double lost = report_value(t, "messages_undelivered_slow") + report_value(t, "messages_undelivered_gone");

	TOP_PUT(t, "clients %.0f", report_value(t, "connected_clients"));
	if (report_value(t, "clogged_clients") > 0)
		TOP_PUT(t, " (%.0f clogged)", report_value(t, "clogged_clients"));
	TOP_PUT(t, "  messages in %s/s out %s/s  unsent %s  dropped %s  lost %s",
	        report_rate(t, "messages_published", false).text, report_rate(t, "messages_queued", false).text,
	        human_size((uint64_t)report_value(t, "unsent_bytes")).text,
	        human_count(report_value(t, "messages_dropped")).text, human_count(lost).text);
}

void
report_put_load(struct top *t)
{
	const struct stats_sample *rates = &t->now.rates;

	if (t->now.has_rates)
		TOP_PUT(t, "CPU %.1f%%",
		        100 * (stats_value(rates, "used_cpu_user") + stats_value(rates, "used_cpu_sys")));
	else
		TOP_PUT(t, "CPU -");
	TOP_PUT(t, "  memory %s  bytes in %s/s out %s/s", human_size((uint64_t)report_value(t, "used_memory_rss")).text,
	        report_rate(t, "total_net_input_bytes", true).text,
	        report_rate(t, "total_net_output_bytes", true).text);
}

void
report_put_streams(struct top *t)
{
	TOP_PUT(t, "streams %.0f  entries %s (%s)  added %s/s read %s/s acknowledged %s/s  store %s",
	        report_value(t, "streams"), human_count(report_value(t, "stream_entries")).text,
	        human_size((uint64_t)report_value(t, "stream_bytes")).text,
	        report_rate(t, "stream_entries_added", false).text, report_rate(t, "stream_entries_read", false).text,
	        report_rate(t, "stream_entries_acknowledged", false).text,
	        human_size((uint64_t)report_value(t, "store_bytes")).text);
}

void
report_put_services(struct top *t)
{
	double failed = stats_value(&t->now.rates, "service_requests_failed") +
	                stats_value(&t->now.rates, "service_requests_gone") +
	                stats_value(&t->now.rates, "service_requests_timed_out");

	TOP_PUT(t, "services %.0f  workers %.0f  requests %s/s failed %s/s  waiting %.0f running %.0f",
	        report_value(t, "services"), report_value(t, "service_workers"),
	        report_rate(t, "service_requests", false).text, t->now.has_rates ? human_count(failed).text : "-",
	        report_value(t, "service_requests_waiting"), report_value(t, "service_requests_running"));
}

/* Returns whether the store is not well. start: of the line. */
static bool
report_put_store(struct top *t, size_t start)
{
	const char *state = t->now.info.store_state;

	if (!stats_has(&t->now.info, "store_state") || strcmp(state, "ok") == 0)
		return false;
	TOP_PUT(t, "%sstore: %s", t->line.len > start ? "; " : "",
	        strcmp(state, "scarce") == 0 ? "no room for new entries"
	        : strcmp(state, "full") == 0 ? "the disk is full"
	                                     : "failed, see the log of udsd");
	return true;
}

/*
 * "slow: pid 4242 consumer, alice (uid 1000): 8.1M unsent and 2 more". A receiver that publishers wait for need not
 * be clogged: then it is the one with the most unsent.
 */
static void
report_put_slow(struct top *t, bool is_waited_for)
{
	const struct snapshot_list *clients = &t->now.lists[SNAPSHOT_CLIENTS];
	struct snapshot_row *slowest = NULL;
	double clogged = 0;
	struct slice user;

	for (size_t i = 0; i < clients->n; i++) {
		struct snapshot_row *c = &clients->rows[i];
		double unsent = c->values[CLIENT_UNSENT];

		clogged += c->state == STATE_CLOGGED;
		if ((c->state == STATE_CLOGGED || (is_waited_for && unsent > 0)) &&
		    (!slowest || unsent > slowest->values[CLIENT_UNSENT]))
			slowest = c;
	}
	if (clogged < report_value(t, "clogged_clients")) /* the list lacks other users' clients */
		clogged = report_value(t, "clogged_clients");
	if (!slowest) {
		if (clogged > 0)
			TOP_PUT(t, "slow: %.0f client%s of other users", clogged, clogged == 1 ? "" : "s");
		return;
	}
	user = snapshot_text(&t->now, slowest->user);
	if (slowest->values[CLIENT_PID] > 0)
		TOP_PUT(t, "slow: pid %.0f %s, %.*s", slowest->values[CLIENT_PID], view_command(&t->view, slowest),
		        (int)user.len, (const char *)user.p);
	else
		TOP_PUT(t, "slow: client %.0f", slowest->values[CLIENT_ID]);
	if (slowest->uid >= 0 && strncmp((const char *)user.p, "uid ", 4) != 0)
		TOP_PUT(t, " (uid %lld)", (long long)slowest->uid);
	TOP_PUT(t, ": %s unsent", human_size((uint64_t)slowest->values[CLIENT_UNSENT]).text);
	clogged -= slowest->state == STATE_CLOGGED;
	if (clogged > 0)
		TOP_PUT(t, " and %.0f more", clogged);
}

enum screen_style
report_put_warning(struct top *t)
{
	const struct snapshot_list *channels = &t->now.lists[SNAPSHOT_CHANNELS];
	const struct stats_sample *rates = &t->now.rates;
	double dropped = stats_value(rates, "messages_dropped"), waiting = 0;
	double lost = stats_value(rates, "messages_undelivered_slow") + stats_value(rates, "messages_undelivered_gone");
	const struct snapshot_row *worst = NULL;
	size_t start = t->line.len;
	bool is_store_bad;

	for (size_t i = 0; i < channels->n; i++) {
		double here = channels->rows[i].values[CHANNEL_WAITING];

		waiting += here;
		if (here > (worst ? worst->values[CHANNEL_WAITING] : 0))
			worst = &channels->rows[i];
	}
	/* Publishers that wait where nobody receives are not held up by a slow receiver. */
	report_put_slow(t, worst && worst->values[CHANNEL_RECEIVERS] > 0);
	if (worst) {
		struct slice name = snapshot_text(&t->now, worst->name);

		TOP_PUT(t, "%s%.0f publisher%s at %.*s%s", t->line.len > start ? "; " : "", waiting,
		        waiting == 1 ? " waits" : "s wait", (int)name.len, (const char *)name.p,
		        worst->values[CHANNEL_WAITING] < waiting ? ", ..." : "");
	}
	if (dropped > 0)
		TOP_PUT(t, "%smessages dropped at %s/s", t->line.len > start ? "; " : "", human_count(dropped).text);
	if (lost > 0)
		TOP_PUT(t, "%smessages lost at %s/s", t->line.len > start ? "; " : "", human_count(lost).text);
	is_store_bad = report_put_store(t, start);
	if (t->line.len == start)
		return SCREEN_PLAIN;
	return is_store_bad || report_value(t, "clogged_clients") + dropped + lost > 0 ? SCREEN_BAD : SCREEN_NOTABLE;
}

/* The groups of the streams in the list. */
static double
report_groups(const struct top *t)
{
	const struct snapshot_list *streams = &t->now.lists[SNAPSHOT_STREAMS];
	double groups = 0;

	for (size_t i = 0; i < streams->n; i++)
		groups += streams->rows[i].values[STREAM_GROUPS];
	return groups;
}

/* What there is of it that the list lacks, since the user may not see it. */
static double
report_hidden(const struct top *t, enum snapshot_kind kind)
{
	static const char *const fields[] = {
		[SNAPSHOT_CHANNELS] = "pubsub_channels",
		[SNAPSHOT_CLIENTS] = "connected_clients",
		[SNAPSHOT_STREAMS] = "streams",
		[SNAPSHOT_SERVICES] = "services",
	};
	const struct snapshot_list *list = &t->now.lists[kind];
	double hidden;

	if (kind == SNAPSHOT_GROUPS)
		return 0;
	hidden = report_value(t, fields[kind]);
	if (kind != SNAPSHOT_CHANNELS)
		return hidden - (double)list->n;
	for (size_t i = 0; i < list->n; i++)
		hidden -= list->rows[i].values[CHANNEL_NAMED] > 0 && list->rows[i].values[CHANNEL_IS_SHARD] == 0;
	return hidden;
}

void
report_put_tables(struct top *t)
{
	static const char *const names[] = {
		[SNAPSHOT_CHANNELS] = "Channels", [SNAPSHOT_CLIENTS] = "Clients",   [SNAPSHOT_STREAMS] = "Streams",
		[SNAPSHOT_GROUPS] = "Groups",     [SNAPSHOT_SERVICES] = "Services",
	};
	enum snapshot_kind shown = t->view.kind;
	double hidden = report_hidden(t, shown);

	for (enum snapshot_kind kind = 0; kind < SNAPSHOT_LISTS; kind++)
		if (view_has(&t->view, kind))
			TOP_PUT(t, kind == shown ? "%s[%s %.0f]" : "%s %s %.0f ", kind > 0 ? "  " : "", names[kind],
			        kind == SNAPSHOT_GROUPS ? report_groups(t) : (double)t->now.lists[kind].n);
	if (t->view.filter[0])
		TOP_PUT(t, "  filter: %s (%zu)", t->view.filter, t->view.n_rows);
	if (hidden > 0)
		TOP_PUT(t, "  %.0f %s", hidden,
		        shown == SNAPSHOT_CLIENTS ? "of other users, not shown" : "more that you may not see");
}
