#include "report.h"

#include <inttypes.h>
#include <string.h>

#include "clients.h"
#include "figure.h"
#include "human.h"
#include "memory.h"

#define PUT(...) memory_check(buf_printf(__VA_ARGS__))

void
report_put_title(struct buf *out, const struct snapshot *s, const char *address)
{
	if (s->taken_at == 0)
		PUT(out, "udsd  %s", address);
	else
		PUT(out, "udsd %s  %s  up %s", s->info.all.version, address, human_age(s->info.uptime).text);
}

/* "in 1.2k/s" */
static void
put_rate(struct buf *out, const struct snapshot *s, const char *name, double rate)
{
	char figure[FIGURE_MAX] = "-";

	if (s->has_rates)
		figure_count(figure, sizeof(figure), rate);
	PUT(out, " %s %s/s", name, figure);
}

/* "dropped 12": the sum since the start. */
static void
put_count(struct buf *out, const char *name, uint64_t count)
{
	char figure[FIGURE_MAX];

	figure_count(figure, sizeof(figure), (double)count);
	PUT(out, "  %s %s", name, figure);
}

void
report_put_traffic(struct buf *out, const struct snapshot *s)
{
	const struct snapshot_info *info = &s->info;

	PUT(out, "clients %" PRIu64, info->clients);
	if (info->clogged > 0)
		PUT(out, " (%" PRIu64 " clogged)", info->clogged);
	PUT(out, "  messages");
	put_rate(out, s, "in", s->rates.published);
	put_rate(out, s, "out", s->rates.queued);
	PUT(out, "  unsent %s", human_size(info->unsent).text);
	put_count(out, "dropped", info->dropped);
	put_count(out, "lost", info->undelivered);
}

/* Bytes a second. */
static void
put_byte_rate(struct buf *out, const struct snapshot *s, const char *name, double rate)
{
	PUT(out, " %s %s/s", name, s->has_rates ? human_size((uint64_t)rate).text : "-");
}

void
report_put_load(struct buf *out, const struct snapshot *s)
{
	if (s->has_rates)
		PUT(out, "CPU %.1f%%", s->rates.cpu * 100);
	else
		PUT(out, "CPU -");
	PUT(out, "  memory %s  bytes", human_size(s->info.resident).text);
	put_byte_rate(out, s, "in", s->rates.bytes_in);
	put_byte_rate(out, s, "out", s->rates.bytes_out);
}

static const char *
separator(const struct buf *out, size_t start)
{
	return out->len > start ? "; " : "";
}

/* "slow: pid 4242 consumer, alice (uid 1000): 8.1M unsent" */
static void
put_slow_client(struct buf *out, const struct view *v, const struct snapshot_client *c)
{
	const char *user = clients_user(c->uid);

	if (c->pid <= 0)
		PUT(out, "slow: client %" PRIu64, c->id);
	else
		PUT(out, "slow: pid %" PRId64 " %s, %s", c->pid, v->is_local ? clients_program(c->pid) : "", user);
	if (c->uid >= 0 && strncmp(user, "uid ", 4) != 0)
		PUT(out, " (uid %" PRId64 ")", c->uid);
	PUT(out, ": %s unsent", human_size(c->unsent).text);
}

/* A receiver that others wait for need not be clogged: then it is the one with the most unsent. */
static const struct snapshot_client *
slowest_client(const struct snapshot *s, bool waited_for)
{
	const struct snapshot_client *slowest = NULL;

	for (size_t i = 0; i < s->n_clients; i++) {
		const struct snapshot_client *c = &s->clients[i];

		if ((c->state == SNAPSHOT_CLOGGED || (waited_for && c->unsent > 0)) &&
		    (!slowest || c->unsent > slowest->unsent))
			slowest = c;
	}
	return slowest;
}

static uint64_t
count_clogged(const struct snapshot *s)
{
	uint64_t n = 0;

	for (size_t i = 0; i < s->n_clients; i++)
		n += s->clients[i].state == SNAPSHOT_CLOGGED;
	return n;
}

static void
put_slow(struct buf *out, const struct view *v, const struct snapshot *s, bool waited_for)
{
	const struct snapshot_client *slowest = slowest_client(s, waited_for);
	uint64_t seen = count_clogged(s), clogged = s->info.clogged > seen ? s->info.clogged : seen;

	if (slowest) {
		put_slow_client(out, v, slowest);
		clogged -= slowest->state == SNAPSHOT_CLOGGED;
		if (clogged > 0)
			PUT(out, " and %" PRIu64 " more", clogged);
	} else if (clogged > 0) {
		PUT(out, "slow: %" PRIu64 " client%s of other users", clogged, clogged == 1 ? "" : "s");
	}
}

/* How many publishers are held up, and where the most of them. */
static const struct snapshot_channel *
find_waiting(const struct snapshot *s, uint64_t *ret_waiting)
{
	const struct snapshot_channel *worst = NULL;

	*ret_waiting = 0;
	for (size_t i = 0; i < s->n_channels; i++) {
		const struct snapshot_channel *c = &s->channels[i];

		*ret_waiting += c->waiting;
		if (c->waiting > 0 && (!worst || c->waiting > worst->waiting))
			worst = c;
	}
	return worst;
}

enum view_tone
report_put_warning(struct buf *out, const struct view *v, const struct snapshot *s)
{
	size_t start = out->len;
	uint64_t waiting;
	const struct snapshot_channel *worst = find_waiting(s, &waiting);
	bool is_bad = s->info.clogged > 0 || s->rates.dropped > 0 || s->rates.undelivered > 0;

	/* Who waits where nobody receives is not held up by a slow one. */
	put_slow(out, v, s, worst && worst->receivers > 0);
	if (worst) {
		struct slice name = snapshot_text(s, worst->label);

		PUT(out, "%s%" PRIu64 " publisher%s %s at %.*s%s", separator(out, start), waiting,
		    waiting == 1 ? "" : "s", waiting == 1 ? "waits" : "wait", (int)name.len, (const char *)name.p,
		    worst->waiting < waiting ? ", ..." : "");
	}
	if (s->rates.dropped > 0) {
		PUT(out, "%smessages dropped", separator(out, start));
		put_rate(out, s, "at", s->rates.dropped);
	}
	if (s->rates.undelivered > 0) {
		PUT(out, "%smessages lost", separator(out, start));
		put_rate(out, s, "at", s->rates.undelivered);
	}
	if (out->len == start)
		return VIEW_PLAIN;
	return is_bad ? VIEW_BAD : VIEW_NOTABLE;
}

void
report_put_views(struct buf *out, const struct view *v, const struct snapshot *s)
{
	bool channels = v->kind == VIEW_CHANNELS;
	uint64_t named = 0;

	for (size_t i = 0; i < s->n_channels; i++)
		named += s->channels[i].named > 0 && !s->channels[i].is_shard;
	PUT(out, "%sChannels %zu%s  %sClients %zu%s", channels ? "[" : " ", s->n_channels, channels ? "]" : " ",
	    channels ? " " : "[", s->n_clients, channels ? " " : "]");
	if (v->filter[0])
		PUT(out, "  filter: %s (%zu)", v->filter, v->n_rows);
	if (channels && named < s->info.named_channels)
		PUT(out, "  %" PRIu64 " more that you may not see", s->info.named_channels - named);
	if (!channels && s->n_clients < s->info.clients)
		PUT(out, "  %" PRIu64 " of other users, not shown", s->info.clients - s->n_clients);
}
