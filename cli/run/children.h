/*
 * The ends of child processes. Those that nobody waits for are reaped, too: children of a process that became udsctl,
 * and orphans if it is process 1.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct children;
struct loop;

/* A child has ended with this status of waitpid(2). */
typedef void children_cb(void *arg, pid_t pid, int status);

/* swept is called after one or more calls of ended. */
struct children *children_new(struct loop *loop, children_cb *ended, void (*swept)(void *arg), void *arg);
void children_free(struct children *c);

/* "failed with status 3", "was killed: Segmentation fault". status: of waitpid(2). */
void children_describe(int status, char *text, size_t size);

/* Whether starting a command failed, with this errno, only for lack of processes, descriptors or memory. */
bool children_may_start_later(int error);

/* Time until a command that could not be started for lack of resources is tried again, in ms. */
#define CHILDREN_RETRY_MS ((uint64_t)1000)
