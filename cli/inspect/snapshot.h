/*
 * The daemon at one moment, read from its answers to INFO, UDSD CHANNELS, UDSD STREAMS, UDSD SERVICES and UDSD CLIENTS,
 * and the rates since the moment before. Knows no connection. No memory ends the program, as everywhere in the command
 * line.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "buf.h"
#include "protocol.h"
#include "resp-reply.h"
#include "stats.h"

enum snapshot_kind {
	SNAPSHOT_CHANNELS,
	SNAPSHOT_CLIENTS,
	SNAPSHOT_STREAMS,
	SNAPSHOT_GROUPS,
	SNAPSHOT_SERVICES,
	SNAPSHOT_LISTS
};

/* The values of a row: counts or bytes; those marked "total" have counted since the daemon's start. */
enum snapshot_channel_value {
	CHANNEL_IS_SHARD, /* 1 for a shard channel */
	CHANNEL_NAMED,    /* receivers that subscribe to its name */
	CHANNEL_BY_PATTERN,
	CHANNEL_RECEIVERS, /* all, by pattern too */
	CHANNEL_MESSAGES,  /* total, as the next two */
	CHANNEL_DELIVERIES,
	CHANNEL_DROPPED,
	CHANNEL_CLOGGED,   /* receivers */
	CHANNEL_QUEUED,    /* bytes */
	CHANNEL_WAITING,   /* publishers */
	CHANNEL_STORED,    /* 1 if what is published is stored */
	CHANNEL_REPLAYING, /* receivers */
	SNAPSHOT_VALUES,   /* the most that a row has */
};

enum snapshot_client_value {
	CLIENT_ID,
	CLIENT_PID, /* 0: anonymous */
	CLIENT_AGE, /* s */
	CLIENT_SUBSCRIPTIONS,
	CLIENT_UNSENT,    /* bytes */
	CLIENT_PUBLISHED, /* total, as the next */
	CLIENT_DELIVERED,
};

enum snapshot_stream_value {
	STREAM_UID, /* who has made it */
	STREAM_ENTRIES,
	STREAM_BYTES,
	STREAM_ADDED, /* total since the stream was made */
	STREAM_GROUPS,
	STREAM_PENDING, /* entries */
	STREAM_LAG,     /* entries; of the group that is behind most */
};

enum snapshot_group_value {
	GROUP_NOTHING, /* 0: the key alone tells groups apart */
	GROUP_CONSUMERS,
	GROUP_PENDING, /* entries */
	GROUP_LAG,     /* entries */
	GROUP_READ,    /* total since the stream was made, if that is known */
};

enum snapshot_service_value {
	SERVICE_NOTHING, /* 0: the key alone tells services apart */
	SERVICE_WORKERS,
	SERVICE_IDLE,    /* workers */
	SERVICE_BUSY,    /* requests that workers have */
	SERVICE_WAITING, /* requests */
	SERVICE_ENDED,   /* requests, total while it is known, as the next */
	SERVICE_FAILED,  /* of these: without an answer */
	SERVICE_P50,     /* us */
	SERVICE_P99,
};

/* Of a client, the most telling first. */
enum snapshot_state {
	STATE_CLOGGED,
	STATE_CLOSING,
	STATE_WAITS, /* its command waits */
	STATE_FULL,  /* its socket takes no more for now */
	STATE_MONITORS,
	STATE_MULTI,
	STATE_RECEIVES,
	STATE_OPEN,
};

/* Bytes in the memory of the snapshot; snapshot_text() finds them. */
struct snapshot_text {
	uint32_t at, len;
};

/* A channel, a client, a stream, a group or a service. The first value and the key together tell it from all others of
 * its list.
 */
struct snapshot_row {
	struct snapshot_text key;  /* the name; of a group both names; empty for a client */
	struct snapshot_text name; /* as people see it */
	double values[SNAPSHOT_VALUES];
	double rates[SNAPSHOT_VALUES]; /* growth of the value a second; means something for totals only */

	struct snapshot_text user; /* of a client or stream: name, "uid N" or "-" */

	/* Of a client. */
	struct snapshot_text channels; /* what it is subscribed to, see clients_channels(); of a group: the stream */
	int64_t uid;                   /* -1: anonymous */
	enum snapshot_state state;
	char command[16]; /* of the process: the reader looks it up, the next snapshot has it from there */
};

struct snapshot_list {
	struct snapshot_row *rows; /* by key, then by the first value */
	size_t n, cap;
};

/* Zero-initialised is empty. */
struct snapshot {
	uint64_t taken_at; /* us; 0: not finished */
	bool has_rates;    /* else they are 0: there was no snapshot before, or the daemon has started since */
	struct stats_sample info, rates; /* of the daemon; rates: of growth a second, as those of a row */
	struct snapshot_list lists[SNAPSHOT_LISTS];
	struct buf text;
};

void snapshot_deinit(struct snapshot *s);

/* Empties it and keeps its memory. */
void snapshot_clear(struct snapshot *s);

/*
 * Read one answer each, in any order; nodes are one element of UDSD CHANNELS and the like. False: no udsd answers
 * so.
 */
bool snapshot_read_info(struct snapshot *s, struct slice text);
bool snapshot_read_row(struct snapshot *s, enum snapshot_kind kind, const struct resp_node *nodes, size_t count);
bool snapshot_read_clients(struct snapshot *s, struct slice text);

/* Reads the answer to XINFO GROUPS about the i-th stream. */
bool snapshot_read_groups(struct snapshot *s, size_t i, const struct resp_reply *reply);

/*
 * All answers are read, and were true at taken_at (us, of a clock that only goes forward). Sorts, and computes the
 * rates since `before`, which may be empty and stays unchanged.
 */
void snapshot_finish(struct snapshot *s, uint64_t taken_at, const struct snapshot *before);

struct slice snapshot_text(const struct snapshot *s, struct snapshot_text text);

/* One word. */
const char *snapshot_state_name(enum snapshot_state state);

/* Orders byte by byte, a text before those that it begins; as memcmp(). */
int snapshot_compare_texts(struct slice a, struct slice b);
