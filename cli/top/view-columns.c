#include "view-columns.h"

#include <stdio.h>
#include <string.h>

#include "clients.h"

#define CHANNEL(name, field)                                                                                           \
	static double name(const struct snapshot *s, size_t i)                                                         \
	{                                                                                                              \
		return (double)s->channels[i].field;                                                                   \
	}

CHANNEL(channel_messages, message_rate)
CHANNEL(channel_deliveries, delivery_rate)
CHANNEL(channel_receivers, receivers)
CHANNEL(channel_queued, queued)
CHANNEL(channel_clogged, clogged)
CHANNEL(channel_waiting, waiting)
CHANNEL(channel_dropped, dropped)

#define CLIENT(name, field)                                                                                            \
	static double name(const struct snapshot *s, size_t i)                                                         \
	{                                                                                                              \
		return (double)s->clients[i].field;                                                                    \
	}

CLIENT(client_id, id)
CLIENT(client_pid, pid)
CLIENT(client_published, publish_rate)
CLIENT(client_delivered, deliver_rate)
CLIENT(client_unsent, unsent)
CLIENT(client_subscriptions, subscriptions)
CLIENT(client_age, age)

static struct slice
slice_of(const char *text)
{
	return (struct slice){ (const uint8_t *)text, strlen(text) };
}

static struct slice
channel_name(const struct view *v, struct snapshot *s, size_t i)
{
	(void)v;
	return snapshot_text(s, s->channels[i].label);
}

static struct slice
client_user(const struct view *v, struct snapshot *s, size_t i)
{
	(void)v;
	return slice_of(clients_user(s->clients[i].uid));
}

static struct slice
client_command(const struct view *v, struct snapshot *s, size_t i)
{
	struct snapshot_client *c = &s->clients[i];

	if (!c->command[0])
		snprintf(c->command, sizeof(c->command), "%s", v->is_local ? clients_program(c->pid) : "-");
	return slice_of(c->command);
}

static struct slice
client_name(const struct view *v, struct snapshot *s, size_t i)
{
	(void)v;
	return snapshot_text(s, s->clients[i].name);
}

static struct slice
client_state(const struct view *v, struct snapshot *s, size_t i)
{
	(void)v;
	return slice_of(snapshot_state_name(s->clients[i].state));
}

static const struct view_column channels[] = {
	{ "channel", "CHANNEL", VIEW_TEXT, 16, 1, true, .text = channel_name },
	{ "messages", "MSG/S", VIEW_RATE, 7, 2, .number = channel_messages },
	{ "deliveries", "DLV/S", VIEW_RATE, 7, 3, .number = channel_deliveries },
	{ NULL, "", VIEW_BAR, 8, 8, .number = NULL },
	{ "receivers", "RECV", VIEW_COUNT, 6, 5, .number = channel_receivers },
	{ "queued", "QUEUED", VIEW_BYTES, 7, 4, .number = channel_queued },
	{ "clogged", "CLOGGED", VIEW_COUNT, 8, 6, .number = channel_clogged },
	{ "waiting", "WAITING", VIEW_COUNT, 8, 7, .number = channel_waiting },
	{ "dropped", "DROPPED", VIEW_COUNT, 8, 9, .number = channel_dropped },
	{ 0 },
};

static const struct view_column clients[] = {
	{ "id", "ID", VIEW_NUMBER, 6, 12, .number = client_id },
	{ "pid", "PID", VIEW_NUMBER, 7, 2, .number = client_pid },
	{ "user", "USER", VIEW_TEXT, 8, 7, .text = client_user },
	{ "command", "COMMAND", VIEW_TEXT, 12, 1, .text = client_command },
	{ "name", "NAME", VIEW_TEXT, 8, 9, true, .text = client_name },
	{ "published", "PUB/S", VIEW_RATE, 7, 3, .number = client_published },
	{ "delivered", "DLV/S", VIEW_RATE, 7, 4, .number = client_delivered },
	{ NULL, "", VIEW_BAR, 8, 10, .number = NULL },
	{ "unsent", "UNSENT", VIEW_BYTES, 7, 5, .number = client_unsent },
	{ "subscriptions", "SUBS", VIEW_COUNT, 5, 8, .number = client_subscriptions },
	{ "age", "AGE", VIEW_AGE, 6, 11, .number = client_age },
	{ "state", "STATE", VIEW_TEXT, 8, 6, .text = client_state },
	{ 0 },
};

const struct view_column *const view_columns[VIEW_KINDS] = {
	[VIEW_CHANNELS] = channels,
	[VIEW_CLIENTS] = clients,
};

size_t
view_n_columns(enum view_kind kind)
{
	size_t n = 0;

	while (view_columns[kind][n].title)
		n++;
	return n;
}
