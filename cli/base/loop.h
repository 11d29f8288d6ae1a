/*
 * The event loop of udsctl, the signals that end it, and the exit status that it ends with. Its backend takes regular
 * files, too (epoll does not), so stdin and stdout may be files.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct event_base;

/* A SIGINT or SIGTERM came; `again` from the second on. */
typedef void loop_signal_cb(void *arg, int signo, bool again);

struct loop;

/* Without signal_cb the first signal ends the loop. A signal that was ignored when udsctl started stays ignored. */
struct loop *loop_new(loop_signal_cb *signal_cb, void *arg);
void loop_free(struct loop *loop);

struct event_base *loop_base(const struct loop *loop);

/* Runs until loop_end(), or not at all where that came before. Returns the exit status given to it. */
int loop_run(struct loop *loop);

/* Ends the loop when the running callback returns. The first status given stays. */
void loop_end(struct loop *loop, int status);

bool loop_is_ending(const struct loop *loop);

/* The monotonic clock in ms and in ns. */
uint64_t loop_now(void);
uint64_t loop_now_ns(void);
