/*
 * A pass of the loop, between two rounds of input: goes on with what earlier passes left over, and at the end writes
 * all output, receivers before publishers.
 */
#pragma once

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

/* Resumes each client that is ready at the beginning, and then those that were postponed, as far as the pass allows. */
void pass_resume(struct bus *bus, const struct pass_ops *ops);

/* Call at the end of each pass. */
void pass_end(struct bus *bus, const struct pass_ops *ops);
