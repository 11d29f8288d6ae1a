#include "view-columns.h"

const struct view_column view_columns[SNAPSHOT_LISTS][VIEW_COLUMNS_MAX] = {
	[SNAPSHOT_CHANNELS] = {
		{ "channel", "CHANNEL", VIEW_NAME, 0, 16, 1 },
		{ "messages", "MSG/S", VIEW_RATE, CHANNEL_MESSAGES, 7, 2 },
		{ "deliveries", "DLV/S", VIEW_RATE, CHANNEL_DELIVERIES, 7, 3 },
		{ NULL, "", VIEW_BAR, 0, 8, 8 },
		{ "receivers", "RECV", VIEW_COUNT, CHANNEL_RECEIVERS, 6, 5 },
		{ "queued", "QUEUED", VIEW_BYTES, CHANNEL_QUEUED, 7, 4 },
		{ "clogged", "CLOGGED", VIEW_COUNT, CHANNEL_CLOGGED, 8, 6 },
		{ "waiting", "WAITING", VIEW_COUNT, CHANNEL_WAITING, 8, 7 },
		{ "dropped", "DROPPED", VIEW_COUNT, CHANNEL_DROPPED, 8, 9 },
	},
	[SNAPSHOT_CLIENTS] = {
		{ "id", "ID", VIEW_NUMBER, CLIENT_ID, 6, 12 },
		{ "pid", "PID", VIEW_NUMBER, CLIENT_PID, 7, 2 },
		{ "user", "USER", VIEW_USER, 0, 8, 7 },
		{ "command", "COMMAND", VIEW_COMMAND, 0, 12, 1 },
		{ "name", "NAME", VIEW_NAME, 0, 8, 9 },
		{ "published", "PUB/S", VIEW_RATE, CLIENT_PUBLISHED, 7, 3 },
		{ "delivered", "DLV/S", VIEW_RATE, CLIENT_DELIVERED, 7, 4 },
		{ NULL, "", VIEW_BAR, 0, 8, 10 },
		{ "unsent", "UNSENT", VIEW_BYTES, CLIENT_UNSENT, 7, 5 },
		{ "subscriptions", "SUBS", VIEW_COUNT, CLIENT_SUBSCRIPTIONS, 5, 8 },
		{ "age", "AGE", VIEW_AGE, CLIENT_AGE, 6, 11 },
		{ "state", "STATE", VIEW_STATE, 0, 8, 6 },
		{ "channels", "CHANNELS", VIEW_CHANNELS, 0, 12, 13 },
	},
	[SNAPSHOT_STREAMS] = {
		{ "stream", "STREAM", VIEW_NAME, 0, 16, 1 },
		{ "added", "ADD/S", VIEW_RATE, STREAM_ADDED, 7, 2 },
		{ NULL, "", VIEW_BAR, 0, 8, 9 },
		{ "entries", "ENTRIES", VIEW_COUNT, STREAM_ENTRIES, 8, 3 },
		{ "size", "SIZE", VIEW_BYTES, STREAM_BYTES, 7, 5 },
		{ "groups", "GROUPS", VIEW_COUNT, STREAM_GROUPS, 7, 8 },
		{ "pending", "PENDING", VIEW_COUNT, STREAM_PENDING, 8, 6 },
		{ "lag", "LAG", VIEW_COUNT, STREAM_LAG, 7, 4 },
		{ "owner", "OWNER", VIEW_USER, 0, 8, 7 },
	},
	[SNAPSHOT_GROUPS] = {
		{ "group", "GROUP", VIEW_NAME, 0, 12, 1 },
		{ "source", "STREAM", VIEW_CHANNELS, 0, 14, 2 },
		{ "given", "GIVEN/S", VIEW_RATE, GROUP_READ, 8, 4 },
		{ NULL, "", VIEW_BAR, 0, 8, 7 },
		{ "behind", "LAG", VIEW_COUNT, GROUP_LAG, 7, 3 },
		{ "unacknowledged", "PENDING", VIEW_COUNT, GROUP_PENDING, 8, 5 },
		{ "consumers", "CONSUMERS", VIEW_COUNT, GROUP_CONSUMERS, 10, 6 },
	},
};

const struct view_column *const view_main_columns[SNAPSHOT_LISTS] = {
	[SNAPSHOT_CHANNELS] = &view_columns[SNAPSHOT_CHANNELS][1],
	[SNAPSHOT_CLIENTS] = &view_columns[SNAPSHOT_CLIENTS][6],
	[SNAPSHOT_STREAMS] = &view_columns[SNAPSHOT_STREAMS][1],
	[SNAPSHOT_GROUPS] = &view_columns[SNAPSHOT_GROUPS][4],
};
