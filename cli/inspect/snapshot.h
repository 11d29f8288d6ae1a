/*
 * The daemon's figures at one moment, read from its answers to INFO, UDSD CHANNELS and CLIENT LIST, and the
 * rates that come of two such moments. It knows no connection.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "buf.h"
#include "protocol.h"
#include "resp-reply.h"
#include "stats.h"

/* An answer is not of the form that a udsd gives it. */
enum { SNAPSHOT_E_FORMAT = 1 };

/* Bytes in the memory of the snapshot; snapshot_text() has them. */
struct snapshot_text {
	uint32_t at, len;
};

/* Counts, bytes and seconds; those of messages, traffic and CPU since the daemon's start. */
struct snapshot_info {
	struct stats_sample all;
	uint64_t uptime;
	uint64_t clients, clogged;
	uint64_t named_channels; /* subscribed to by name, those that are not shown included; without shard channels */
	uint64_t unsent, resident;
	uint64_t published, queued, dropped, undelivered;
	uint64_t bytes_in, bytes_out;
	double cpu;
};

struct snapshot_channel {
	struct snapshot_text name, label; /* label: the name, and whether it is a shard channel */
	bool is_shard;
	uint64_t named;     /* receivers by name */
	uint64_t receivers; /* by pattern too */
	uint64_t messages, deliveries, dropped;
	uint64_t clogged, queued, waiting;
	double message_rate, delivery_rate, drop_rate; /* a second */
};

enum snapshot_state {
	SNAPSHOT_OPEN,
	SNAPSHOT_SUBSCRIBED,
	SNAPSHOT_TRANSACTION,
	SNAPSHOT_MONITOR,
	SNAPSHOT_FULL,  /* its socket takes no more for now */
	SNAPSHOT_WAITS, /* its command waits */
	SNAPSHOT_CLOSING,
	SNAPSHOT_CLOGGED,
};

#define SNAPSHOT_COMMAND_MAX 16

struct snapshot_client {
	struct snapshot_text name;
	uint64_t id;
	int64_t pid;  /* 0: anonymous */
	int64_t uid;  /* -1: anonymous */
	uint64_t age; /* s */
	uint64_t subscriptions, unsent;
	uint64_t published, delivered;
	enum snapshot_state state;
	double publish_rate, deliver_rate;  /* a second */
	char command[SNAPSHOT_COMMAND_MAX]; /* of the process; for who looks it up, goes over to the next snapshot */
};

struct snapshot_rates {
	double published, queued, dropped, undelivered, bytes_in, bytes_out; /* a second */
	double cpu;                                                          /* of one processor, 1 is all of it */
};

/* Zero-initialised is empty. */
struct snapshot {
	uint64_t taken_at; /* us */
	struct snapshot_info info;
	struct snapshot_channel *channels; /* by name */
	size_t n_channels;
	struct snapshot_client *clients; /* by id */
	size_t n_clients;
	bool has_rates; /* else they are 0: there was none before it, or the daemon has started since */
	struct snapshot_rates rates;

	struct buf text, channel_buf, client_buf;
};

void snapshot_deinit(struct snapshot *s);

/* Empties it and keeps its memory. */
void snapshot_clear(struct snapshot *s);

/* The answers, in any order. Each returns 0, -ENOMEM or SNAPSHOT_E_FORMAT; nodes are one element of UDSD CHANNELS. */
int snapshot_read_info(struct snapshot *s, const struct slice *text);
int snapshot_read_channel(struct snapshot *s, const struct resp_node *nodes, size_t count);
int snapshot_read_clients(struct snapshot *s, const struct slice *text);

/*
 * All is read; it was so at taken_at (us, of a clock that goes forward). Sorts, and finds the rates since the
 * snapshot before, which may be empty and stays as it is.
 */
void snapshot_finish(struct snapshot *s, uint64_t taken_at, const struct snapshot *before);

struct slice snapshot_text(const struct snapshot *s, struct snapshot_text text);

/* One word. */
const char *snapshot_state_name(enum snapshot_state state);
