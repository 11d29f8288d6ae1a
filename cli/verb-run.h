/* What runs each verb; they return the exit status. */
#pragma once

struct options;

int verb_pipe(const struct options *o);
int verb_ping(const struct options *o);
int verb_recv(const struct options *o);
int verb_send(const struct options *o);
