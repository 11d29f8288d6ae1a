/* A client that says something and waits for the answer, outside of the traffic that is measured. */
#pragma once

#include <stdbool.h>

#include "script.h"

/*
 * Connects, if fd is -1, says the hello, and returns the connection. busy: waits without sleeping. What is
 * not answered as expected ends the benchmark.
 */
int talk_hello(const struct exchange *hello, int fd, bool busy);

/* The answer must be the expected one to the byte, and may begin before all is said. */
void talk(int fd, const struct exchange *x, bool busy);

/* Connects a crowd whose connections are left alone from now on. In the end all must still be there. */
struct talk_crowd;
struct talk_crowd *talk_crowd_new(const struct crowd *crowd, const struct protocol *protocol);
void talk_crowd_free(struct talk_crowd *crowd);
