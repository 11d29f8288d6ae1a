/*
 * Names are copied into one run of bytes, so that a snapshot of many thousands of clients takes three pieces
 * of memory, which the next one uses again. Two snapshots are sorted alike, and so compared in one walk.
 */
#include "snapshot.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "clients.h"

void
snapshot_deinit(struct snapshot *s)
{
	buf_deinit(&s->text);
	buf_deinit(&s->channel_buf);
	buf_deinit(&s->client_buf);
	*s = (struct snapshot){ 0 };
}

void
snapshot_clear(struct snapshot *s)
{
	struct buf text = s->text, channels = s->channel_buf, clients = s->client_buf;

	text.len = channels.len = clients.len = 0;
	*s = (struct snapshot){ .text = text, .channel_buf = channels, .client_buf = clients };
}

struct slice
snapshot_text(const struct snapshot *s, struct snapshot_text text)
{
	return (struct slice){ s->text.data + text.at, text.len };
}

static int
keep_text(struct snapshot *s, struct slice text, struct snapshot_text *ret_text)
{
	size_t at = s->text.len;
	int r;

	if (text.len > UINT32_MAX || at > UINT32_MAX - text.len)
		return -ENOMEM;
	r = buf_append(&s->text, text.p, text.len);
	if (r < 0)
		return r;
	*ret_text = (struct snapshot_text){ (uint32_t)at, (uint32_t)text.len };
	return 0;
}

int
snapshot_read_info(struct snapshot *s, const struct slice *text)
{
	struct snapshot_info *info = &s->info;
	struct stats_sample *all = &info->all;

	stats_read(*text, all);
	if (!all->version[0] || !all->run_id[0])
		return SNAPSHOT_E_FORMAT;
	info->uptime = (uint64_t)stats_value(all, "uptime_in_seconds");
	info->clients = (uint64_t)stats_value(all, "connected_clients");
	info->clogged = (uint64_t)stats_value(all, "clogged_clients");
	info->named_channels = (uint64_t)stats_value(all, "pubsub_channels");
	info->unsent = (uint64_t)stats_value(all, "unsent_bytes");
	info->resident = (uint64_t)stats_value(all, "used_memory_rss");
	info->published = (uint64_t)stats_value(all, "messages_published");
	info->queued = (uint64_t)stats_value(all, "messages_queued");
	info->dropped = (uint64_t)stats_value(all, "messages_dropped");
	info->undelivered =
	    (uint64_t)(stats_value(all, "messages_undelivered_slow") + stats_value(all, "messages_undelivered_gone"));
	info->bytes_in = (uint64_t)stats_value(all, "total_net_input_bytes");
	info->bytes_out = (uint64_t)stats_value(all, "total_net_output_bytes");
	info->cpu = stats_value(all, "used_cpu_user") + stats_value(all, "used_cpu_sys");
	return 0;
}

static const struct {
	const char *name;
	size_t offset;
} channel_counts[] = {
	{ "receivers", offsetof(struct snapshot_channel, named) },
	{ "pattern-receivers", offsetof(struct snapshot_channel, receivers) },
	{ "messages", offsetof(struct snapshot_channel, messages) },
	{ "deliveries", offsetof(struct snapshot_channel, deliveries) },
	{ "dropped", offsetof(struct snapshot_channel, dropped) },
	{ "clogged", offsetof(struct snapshot_channel, clogged) },
	{ "queued", offsetof(struct snapshot_channel, queued) },
	{ "waiting", offsetof(struct snapshot_channel, waiting) },
};

static void
read_channel_field(struct snapshot_channel *c, const struct resp_node *name, const struct resp_node *value)
{
	if (value->type != RESP_INTEGER || value->integer < 0)
		return;
	if (resp_node_is(name, "shard"))
		c->is_shard = value->integer != 0;
	for (size_t i = 0; i < sizeof(channel_counts) / sizeof(channel_counts[0]); i++)
		if (resp_node_is(name, channel_counts[i].name))
			*(uint64_t *)((char *)c + channel_counts[i].offset) = (uint64_t)value->integer;
}

/* Its name is the last text that was kept. */
static int
label_channel(struct snapshot *s, struct snapshot_channel *c)
{
	static const char mark[] = " (shard)";

	c->label = c->name;
	if (!c->is_shard)
		return 0;
	c->label.len += sizeof(mark) - 1;
	return buf_append(&s->text, mark, sizeof(mark) - 1);
}

int
snapshot_read_channel(struct snapshot *s, const struct resp_node *nodes, size_t count)
{
	struct snapshot_channel c = { 0 };
	bool has_name = false;
	int r = 0;

	if ((nodes->type != RESP_ARRAY && nodes->type != RESP_MAP) || nodes->elements % 2 ||
	    count != nodes->elements + 1)
		return SNAPSHOT_E_FORMAT;
	for (size_t i = 1; r == 0 && i < count; i += 2) {
		if (resp_node_is(&nodes[i], "name") && nodes[i + 1].type == RESP_BULK) {
			has_name = true;
			r = keep_text(s, nodes[i + 1].text, &c.name);
		} else {
			read_channel_field(&c, &nodes[i], &nodes[i + 1]);
		}
	}
	c.receivers += c.named;
	if (r == 0 && has_name)
		r = label_channel(s, &c);
	if (r < 0)
		return r;
	return has_name ? buf_append(&s->channel_buf, &c, sizeof(c)) : SNAPSHOT_E_FORMAT;
}

/* The most telling of the letters of "flags" and "events", which are put one behind the other. */
static enum snapshot_state
find_state(const char *letters)
{
	if (strchr(letters, 'c'))
		return SNAPSHOT_CLOSING;
	if (strchr(letters, 'b'))
		return SNAPSHOT_WAITS;
	if (strchr(letters, 'w'))
		return SNAPSHOT_FULL;
	if (strchr(letters, 'O'))
		return SNAPSHOT_MONITOR;
	if (strchr(letters, 'x'))
		return SNAPSHOT_TRANSACTION;
	return strchr(letters, 'P') ? SNAPSHOT_SUBSCRIBED : SNAPSHOT_OPEN;
}

const char *
snapshot_state_name(enum snapshot_state state)
{
	switch (state) {
	case SNAPSHOT_OPEN:
		return "open";
	case SNAPSHOT_SUBSCRIBED:
		return "receives";
	case SNAPSHOT_TRANSACTION:
		return "multi";
	case SNAPSHOT_MONITOR:
		return "monitors";
	case SNAPSHOT_FULL:
		return "full";
	case SNAPSHOT_WAITS:
		return "waits";
	case SNAPSHOT_CLOSING:
		return "closing";
	case SNAPSHOT_CLOGGED:
		return "clogged";
	}
	return "";
}

static int
read_client(struct snapshot *s, struct slice line)
{
	struct client_entry entry;
	struct slice flags, events;
	struct snapshot_client c;
	char letters[32];
	int r;

	clients_parse(line, &entry);
	if (entry.id == 0)
		return SNAPSHOT_E_FORMAT;
	flags = clients_text(&entry, "flags");
	events = clients_text(&entry, "events");
	snprintf(letters, sizeof(letters), "%.*s%.*s", (int)flags.len, (const char *)flags.p, (int)events.len,
	         (const char *)events.p);
	c = (struct snapshot_client){
		.id = entry.id,
		.pid = entry.pid,
		.uid = entry.uid,
		.age = clients_number(&entry, "age"),
		.subscriptions =
		    clients_number(&entry, "sub") + clients_number(&entry, "psub") + clients_number(&entry, "ssub"),
		.unsent = clients_number(&entry, "obl"),
		.published = clients_number(&entry, "published"),
		.delivered = clients_number(&entry, "delivered"),
		.state = clients_number(&entry, "clogged") ? SNAPSHOT_CLOGGED : find_state(letters),
	};
	r = keep_text(s, clients_text(&entry, "name"), &c.name);
	return r < 0 ? r : buf_append(&s->client_buf, &c, sizeof(c));
}

int
snapshot_read_clients(struct snapshot *s, const struct slice *text)
{
	const uint8_t *p = text->p, *end = text->p + text->len, *last;
	int r = 0;

	for (; r == 0 && p < end; p = last + 1) {
		last = memchr(p, '\n', (size_t)(end - p));
		if (!last)
			last = end;
		r = read_client(s, (struct slice){ p, (size_t)(last - p) });
	}
	return r;
}
