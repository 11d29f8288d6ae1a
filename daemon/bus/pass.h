/*
 * A pass of the loop, between two rounds of input: goes on with what earlier passes left over, and at the end writes
 * all output, receivers before publishers.
 */
#pragma once

#include <stdbool.h>

struct bus;
struct client;

/* What only the owner of the sockets can do. Each is called for one client. */
struct pass_ops {
	/* Handles input left over from earlier passes, in state READY. */
	void (*resume)(struct client *c);
	/* Writes output; the out_state must be neither RECEIVER nor REPLIER afterwards. */
	void (*flush)(struct client *c);
	/* Closes and frees a dead client. */
	void (*close)(struct client *c);
};

/* Lets clients that are ready go on, in turns, as far as the pass and the share of each user allow. */
void pass_resume(struct bus *bus, const struct pass_ops *ops);

/* Call at the end of each pass. */
void pass_end(struct bus *bus, const struct pass_ops *ops);

/* Whether there is something to do that needs no event from a socket: the next pass must not wait for one. */
bool pass_has_work(const struct bus *bus);
