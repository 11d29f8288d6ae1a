/* Requests and answers outside of the measured traffic. */
#pragma once

#include <stdbool.h>

#include "script.h"

/*
 * Connects if fd is -1, sends the hello, waits for the answer, and returns the connection. busy: wait without sleeping.
 * An unexpected answer ends the benchmark.
 */
int talk_hello(const struct exchange *hello, int fd, bool busy);

/* Sends the request and waits for exactly the answer, which may begin before the end of the request. */
void talk(int fd, const struct exchange *x, bool busy);

/* Connects a crowd of idle clients. talk_crowd_free() ends the benchmark if the server has closed one. */
struct talk_crowd;
struct talk_crowd *talk_crowd_new(const struct crowd *crowd, const struct protocol *protocol);
void talk_crowd_free(struct talk_crowd *crowd);
