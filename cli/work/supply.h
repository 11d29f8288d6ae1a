/* The connection on which a worker is given jobs: one command at a time, which waits until there are some. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "resp-reply.h"

struct addr_list;
struct supply;
struct loop;
struct plan;

struct supply_ops {
	void (*up)(void *arg);
	/* An entry of a stream of the plan. Returns false if it is none. */
	bool (*entry)(void *arg, size_t stream, const struct resp_node *entry);
	/* The command is answered, after its entries: n of them. */
	void (*answered)(void *arg, uint64_t n);
	/* The command was refused; it was said why. again: it may be sent again after the setup. */
	void (*refused)(void *arg, bool again, int status);
	/* The connection is lost: everything that came on it and is not claimed on the other one is given to others. */
	void (*down)(void *arg);
};

struct supply *supply_new(struct loop *loop, const struct addr_list *addr, const struct plan *plan,
                          const struct supply_ops *ops, void *arg);
void supply_free(struct supply *in);
void supply_start(struct supply *in);

/* Asks for up to so many jobs; not while it waits for some. */
void supply_ask(struct supply *in, uint64_t n, bool waits);
bool supply_is_asking(const struct supply *in);

/* The other side is to close this connection: there will be a new one. */
void supply_renew(struct supply *in);

bool supply_is_up(const struct supply *in);
/* The number of its connection, while it is up. */
int64_t supply_client(const struct supply *in);
