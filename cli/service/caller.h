/* Sends requests to a service, and prints their answers in the order of the requests. */
#pragma once

struct call_options;

/* The service and the text are in the arguments. Returns the exit status. */
int caller_run(const struct call_options *o);
