/*
 * The end of a pass of the loop: what was published goes to the receivers' queues, and every client with
 * output is written, receivers before publishers. So a publisher's answer normally finds its messages in the
 * receivers' sockets already.
 */
#pragma once

struct bus;
struct client;

/* What only the owner of the sockets can do. */
struct pass_ops {
	/* Handles what is left over of the client's input . */
	void (*resume)(struct client *c);
	/* Writes the client's output and sets its out_state to something else than RECEIVER or REPLIER. */
	void (*flush)(struct client *c);
	/* Ends a dead client and frees it. */
	void (*close)(struct client *c);
};

/* Handles input left over from earlier passes, one share for each client that has some. */
void pass_resume(struct bus *bus, const struct pass_ops *ops);

void pass_end(struct bus *bus, const struct pass_ops *ops);
