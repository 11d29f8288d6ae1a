/*
 * A bus with simulated sockets, and streams in memory, for the fuzzers of sessions and of clients that wait: it stands
 * in for the loop and the connections. The functions that meson.build lists must be wrapped when the program is linked,
 * so that the bus's calls of the system come here.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/queue.h>

#include "access.h"
#include "buf.h"
#include "memory-store.h"
#include "resp-reply.h"
#include "sessions.h"
#include "streams.h"

TAILQ_HEAD(peer_list, peer);

/* The other end of a session. */
struct peer {
	TAILQ_ENTRY(peer) link;
	struct host *host;
	struct socket *socket; /* NULL: closed by the bus */
	struct buf sent;       /* by the peer; the bus has read sent_at bytes */
	size_t sent_at;
	struct buf got;   /* bytes that the bus has written to it */
	size_t room;      /* bytes that its socket takes now; SIZE_MAX: unlimited */
	size_t budget;    /* most bytes that the bus writes to it in one pass */
	bool is_broken;   /* writing to it fails */
	bool was_killed;  /* closed with unsent output */
	size_t unsent;    /* bytes queued at host_kill(); else SIZE_MAX */
	uint32_t n_spans; /* likewise, in spans */
};

struct host {
	union {
		struct sessions sessions;
		struct bus bus; /* its first member */
	};
	struct peer_list peers;
	struct access_rules rules; /* for channels that begin with "own", "drop" and "cut" */
	uint64_t clock_ms;
	struct streams streams; /* if host_open_streams() was called */
	struct memory_disk *disk;
	bool has_waited; /* a command or a reader has waited, or an allocation failed, so the order of commands may
	                    differ */
};

void host_init(struct host *host, uint64_t queue_limit, uint64_t max_message);

/* From now on there are streams, and a pass commits what was changed. */
void host_open_streams(struct host *host, const struct streams_limits *limits);

/* Calls a function that looks at streams, by the clock of the host. */
void host_look(struct host *host, void (*look)(struct streams *streams));

/* Takes what the store has done, and wakes the clients whose deadlines have passed. */
void host_collect(struct host *host);

/* Calls check() for each reply and push that the peer got, which must be whole; only one that was cut off may lack the
 * rest of the last one. */
void host_check_replies(const struct peer *peer, void (*check)(const struct resp_reply *reply, void *arg), void *arg);

/* Opens all sockets, and runs passes until nothing moves any more. Then no client may be stuck; but
 * those that wait for entries of streams wait. */
void host_settle(struct host *host);

/* Closes and frees all peers; the bus must have nothing left. */
void host_deinit(struct host *host);

/* A pass of the loop: reads from all peers, and writes to those whose sockets have room. */
void host_pass(struct host *host);

/* The loop's periodic work: closes slow receivers and gives back spare memory. */
void host_tick(struct host *host);

/* The bus's allocation after the next n fails. */
void host_fail_allocation(struct host *host, unsigned int n);

/* A new client of this process and user; pid 0: anonymous. */
struct peer *host_add(struct host *host, pid_t pid, uid_t uid);

/* The bus reads what the peer has sent, at most max bytes at a time, until it stops taking input from it. */
void host_read(struct peer *peer, size_t max);

/* The connection turns out broken; its output is dropped. */
void host_kill(struct peer *peer);

/* The peer stops sending. */
void host_finish(struct peer *peer);
