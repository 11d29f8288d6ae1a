/*
 * A bus with sessions whose sockets are only thought of: the host of the session fuzzer. It does what the loop
 * and connections do. The program must be linked with the functions wrapped that meson.build names: what the
 * bus would send, and ask the system for, comes here.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/queue.h>

#include "access.h"
#include "buf.h"
#include "sessions.h"

TAILQ_HEAD(peer_list, peer);

/* The other end of a session. */
struct peer {
	TAILQ_ENTRY(peer) link;
	struct host *host;
	struct socket *socket; /* NULL when the bus has closed it */
	struct buf sent;       /* by the peer; the bus has read sent_at bytes of it */
	size_t sent_at;
	struct buf got;   /* what the bus wrote to it */
	size_t room;      /* bytes that it takes now; SIZE_MAX: any number */
	size_t budget;    /* bytes that the bus writes to it in one pass */
	bool is_broken;   /* writing to it fails */
	bool was_killed;  /* not all that was queued has been written to it */
	size_t unsent;    /* when it was killed by host_kill(); else SIZE_MAX */
	uint32_t n_spans; /* likewise */
};

struct host {
	union {
		struct sessions sessions;
		struct bus bus; /* its first member */
	};
	struct peer_list peers;
	struct access_rules rules; /* of channels that begin with "own", "drop" and "cut" */
	uint64_t clock_ms;
	bool has_waited; /* a command or a reader waited, or memory ran out: the order of commands is another one */
};

void host_init(struct host *host, uint64_t queue_limit, uint64_t max_message);

/* Lets all peers take everything, and ends passes until nothing moves any more. Nobody may be stuck then. */
void host_settle(struct host *host);

/* Closes all peers; the bus must be left with nothing. Forgets the peers. */
void host_deinit(struct host *host);

/* A pass of the loop: who can take something again is written to. */
void host_pass(struct host *host);

/* What the loop does now and then: slow receivers are closed, and spare memory is given back. */
void host_tick(struct host *host);

/* One of the next allocations of the bus fails: that before which there are n others. */
void host_fail_allocation(struct host *host, unsigned int n);

struct peer *host_add(struct host *host, pid_t pid, uid_t uid);

/* The bus reads what the peer has sent, in reads of at most max bytes, as far as it takes input of it now. */
void host_read(struct peer *peer, size_t max);

/* The connection is found broken, whatever is unsent. */
void host_kill(struct peer *peer);

/* The peer sends no more. */
void host_finish(struct peer *peer);
