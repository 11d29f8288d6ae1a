/* A snapshot in a few lines, and what needs attention in it. */
#include <string.h>

#include "client.h"
#include "figure.h"
#include "memory.h"
#include "top.h"

#define PUT(...) memory_check(buf_printf(&t->line, __VA_ARGS__))

void
report_put_title(struct top *t)
{
	const char *name = client_name(fetch_client(t->fetch));

	if (t->now.taken_at == 0)
		PUT("udsd  %s", name);
	else
		PUT("udsd %s  %s  up %s", t->now.info.version, name,
		    human_age((uint64_t)t->now.daemon.values[DAEMON_UPTIME]).text);
}

/* A rate of the daemon as text; "-" while there are none. */
static struct human_text
report_rate(const struct top *t, enum snapshot_daemon_value value, bool is_bytes)
{
	double rate = t->now.daemon.rates[value];

	if (!t->now.has_rates)
		return (struct human_text){ "-" };
	return is_bytes ? human_size((uint64_t)rate) : figure_count(rate);
}

void
report_put_traffic(struct top *t)
{
	const double *values = t->now.daemon.values;

	PUT("clients %.0f", values[DAEMON_CLIENTS]);
	if (values[DAEMON_CLOGGED] > 0)
		PUT(" (%.0f clogged)", values[DAEMON_CLOGGED]);
	PUT("  messages in %s/s out %s/s  unsent %s  dropped %s  lost %s", report_rate(t, DAEMON_PUBLISHED, false).text,
	    report_rate(t, DAEMON_DELIVERED, false).text, human_size((uint64_t)values[DAEMON_UNSENT]).text,
	    figure_count(values[DAEMON_DROPPED]).text, figure_count(values[DAEMON_LOST]).text);
}

void
report_put_load(struct top *t)
{
	if (t->now.has_rates)
		PUT("CPU %.1f%%", t->now.daemon.rates[DAEMON_CPU] * 100);
	else
		PUT("CPU -");
	PUT("  memory %s  bytes in %s/s out %s/s", human_size((uint64_t)t->now.daemon.values[DAEMON_RESIDENT]).text,
	    report_rate(t, DAEMON_BYTES_IN, true).text, report_rate(t, DAEMON_BYTES_OUT, true).text);
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
	if (clogged < t->now.daemon.values[DAEMON_CLOGGED])
		clogged = t->now.daemon.values[DAEMON_CLOGGED];
	if (!slowest) {
		if (clogged > 0)
			PUT("slow: %.0f client%s of other users", clogged, clogged == 1 ? "" : "s");
		return;
	}
	user = snapshot_text(&t->now, slowest->user);
	if (slowest->values[CLIENT_PID] > 0)
		PUT("slow: pid %.0f %s, %.*s", slowest->values[CLIENT_PID], view_command(&t->view, slowest),
		    (int)user.len, (const char *)user.p);
	else
		PUT("slow: client %.0f", slowest->values[CLIENT_ID]);
	if (slowest->uid >= 0 && strncmp((const char *)user.p, "uid ", 4) != 0)
		PUT(" (uid %lld)", (long long)slowest->uid);
	PUT(": %s unsent", human_size((uint64_t)slowest->values[CLIENT_UNSENT]).text);
	clogged -= slowest->state == STATE_CLOGGED;
	if (clogged > 0)
		PUT(" and %.0f more", clogged);
}

enum screen_style
report_put_warning(struct top *t)
{
	const struct snapshot_list *channels = &t->now.lists[SNAPSHOT_CHANNELS];
	const struct snapshot_row *worst = NULL, *daemon = &t->now.daemon;
	const double *rates = daemon->rates;
	size_t start = t->line.len;
	double waiting = 0;

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

		PUT("%s%.0f publisher%s at %.*s%s", t->line.len > start ? "; " : "", waiting,
		    waiting == 1 ? " waits" : "s wait", (int)name.len, (const char *)name.p,
		    worst->values[CHANNEL_WAITING] < waiting ? ", ..." : "");
	}
	if (rates[DAEMON_DROPPED] > 0)
		PUT("%smessages dropped at %s/s", t->line.len > start ? "; " : "",
		    report_rate(t, DAEMON_DROPPED, false).text);
	if (rates[DAEMON_LOST] > 0)
		PUT("%smessages lost at %s/s", t->line.len > start ? "; " : "",
		    report_rate(t, DAEMON_LOST, false).text);
	if (t->line.len == start)
		return SCREEN_PLAIN;
	return daemon->values[DAEMON_CLOGGED] > 0 || rates[DAEMON_DROPPED] > 0 || rates[DAEMON_LOST] > 0
	           ? SCREEN_BAD
	           : SCREEN_NOTABLE;
}

void
report_put_tables(struct top *t)
{
	const struct snapshot_list *lists = t->now.lists;
	bool channels = t->view.kind == SNAPSHOT_CHANNELS;
	double hidden = t->now.daemon.values[DAEMON_CLIENTS] - (double)lists[SNAPSHOT_CLIENTS].n;

	PUT(channels ? "[Channels %zu]   Clients %zu " : " Channels %zu   [Clients %zu]", lists[SNAPSHOT_CHANNELS].n,
	    lists[SNAPSHOT_CLIENTS].n);
	if (t->view.filter[0])
		PUT("  filter: %s (%zu)", t->view.filter, t->view.n_rows);
	if (channels) {
		hidden = t->now.daemon.values[DAEMON_CHANNELS];
		for (size_t i = 0; i < lists[SNAPSHOT_CHANNELS].n; i++) {
			const double *values = lists[SNAPSHOT_CHANNELS].rows[i].values;

			hidden -= values[CHANNEL_NAMED] > 0 && values[CHANNEL_IS_SHARD] == 0;
		}
	}
	if (hidden > 0)
		PUT("  %.0f %s", hidden, channels ? "more that you may not see" : "of other users, not shown");
}
