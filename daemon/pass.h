/*
 * The end of a pass of the loop: what was published goes to the receivers' queues, and every session with
 * output is written, receivers before publishers. So a publisher's answer normally finds its messages in the
 * receivers' sockets already.
 */
#pragma once

struct bus;
struct session;

/* What only the owner of the sockets can do. */
struct pass_ops {
	/* Handles what is left over of the session's input (input_resume()). */
	void (*resume)(struct session *s);
	/* Writes the session's output and sets its out_state to something else than RECEIVER or REPLIER. */
	void (*flush)(struct session *s);
	/* Ends a dead session (session_deinit()) and frees it. */
	void (*close)(struct session *s);
};

/* Handles input left over from earlier passes, one share for each session that has some. */
void pass_resume(struct bus *bus, const struct pass_ops *ops);

void pass_end(struct bus *bus, const struct pass_ops *ops);
