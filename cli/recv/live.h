/* recv from channels: what is published while it is subscribed. */
#pragma once

struct recv_options;

/* Returns the exit status. */
int live_run(const struct recv_options *o);
